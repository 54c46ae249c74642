package io.github.wandacuda.cli;

import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.WandaException;
import java.io.PrintStream;
import picocli.CommandLine.ParameterException;

/** Says in one line what went wrong, with a stack trace only where it was asked for. */
final class ErrorReporter {
  private static final int INTERNAL_ERROR = 1;
  private static final int USAGE = 2;

  private final PrintStream err;
  private final boolean verbose;

  ErrorReporter(PrintStream err, boolean verbose) {
    this.err = err;
    this.verbose = verbose;
  }

  /** Reports options that picocli refused. */
  int usage(ParameterException e) {
    String command = e.getCommandLine().getCommandSpec().qualifiedName();
    print("%s (see %s --help)".formatted(oneLine(e.getMessage()), command));
    return USAGE;
  }

  /** Reports a failure and returns its exit code. */
  int report(Throwable e) {
    int exitCode = INTERNAL_ERROR;
    if (e instanceof WandaException known) {
      exitCode = known.exitCode();
      print(oneLine(e.getMessage()));
    } else if (e instanceof OutOfMemoryError) {
      print(
          "out of memory: %s; take fewer or shorter samples, or give the Java heap more with -Xmx"
              .formatted(oneLine(e.getMessage())));
    } else {
      print("internal error: %s (--verbose shows where)".formatted(oneLine(e.toString())));
    }
    if (verbose) {
      e.printStackTrace(err);
    }
    return exitCode;
  }

  private void print(String line) {
    err.println("wanda-cuda: " + line);
  }

  private static String oneLine(String message) {
    return message == null ? "no message" : Printable.message(message);
  }
}
