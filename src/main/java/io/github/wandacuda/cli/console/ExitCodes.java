package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;

/** What the program ends with. */
final class ExitCodes {
  static final int INTERNAL_ERROR = 1;
  static final int USAGE = 2;
  private static final int INPUT = 3;
  private static final int BACKEND = 4;
  private static final int VERIFICATION = 5;
  private static final int OUTPUT = 6;

  /** That of SIGINT, which is how a person cancels. */
  private static final int CANCELLED = 130;

  private ExitCodes() {}

  static int of(Throwable failure) {
    return switch (failure) {
      case UsageException e -> USAGE;
      case InputException e -> INPUT;
      case BackendUnavailableException e -> BACKEND;
      case VerificationException e -> VERIFICATION;
      case OutputException e -> OUTPUT;
      case CancelledException e -> CANCELLED;
      default -> INTERNAL_ERROR;
    };
  }
}
