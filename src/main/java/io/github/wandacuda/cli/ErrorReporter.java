package io.github.wandacuda.cli;

import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.system.RealCause;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.ParameterException;

/**
 * Reports a failure in one line, as text or, with {@code --json}, as one object; with {@code
 * --verbose} the stack trace follows.
 */
final class ErrorReporter {
  private static final int INTERNAL_ERROR = 1;
  private static final int USAGE = 2;
  private static final int INPUT = 3;
  private static final int BACKEND = 4;
  private static final int VERIFICATION = 5;
  private static final int OUTPUT = 6;

  /** The code of SIGINT, by which a person cancels. */
  private static final int CANCELLED = 130;

  private final PrintStream err;
  private final boolean json;
  private final boolean verbose;

  public ErrorReporter(PrintStream err, List<String> words) {
    this.err = err;
    json = words.contains("--json");
    verbose = words.contains("--verbose");
  }

  public int usage(ParameterException e) {
    print(WrongUsage.details(e), USAGE, List.of());
    return USAGE;
  }

  /** Reports a failure, or its real cause, and returns its exit code. */
  public int report(Throwable failure) {
    Throwable e = RealCause.behind(failure).map(Throwable.class::cast).orElse(failure);
    int exitCode = exitCode(e);
    print(details(e), exitCode, verbose ? trace(e).lines().toList() : List.of());
    return exitCode;
  }

  private static ErrorDetails details(Throwable e) {
    if (e instanceof WandaException known) {
      return OptionNames.in(known.details());
    }
    if (e instanceof OutOfMemoryError) {
      return ErrorDetails.NOWHERE
          .said("out of memory: " + oneLine(e.getMessage()))
          .hint("take fewer or shorter samples, or give the Java heap more with -Xmx");
    }
    return ErrorDetails.NOWHERE
        .said("internal error: " + oneLine(e.toString()))
        .hint("--verbose shows where");
  }

  private void print(ErrorDetails details, int exitCode, List<String> trace) {
    if (json) {
      err.println(JsonText.line(object(details, exitCode, trace)));
    } else {
      err.println("wanda-cuda: " + details.line());
      trace.forEach(err::println);
    }
  }

  /** Returns the failure as an object that always has the same keys; unknown values are null. */
  private static Map<String, Object> object(
      ErrorDetails details, int exitCode, List<String> trace) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("error", details.line());
    object.put("file", details.file());
    object.put("tensor", details.tensor());
    object.put("expected", details.expected());
    object.put("found", details.found());
    object.put("hint", details.hint());
    object.put("exit", exitCode);
    if (!trace.isEmpty()) {
      object.put("trace", trace);
    }
    return object;
  }

  private static String trace(Throwable e) {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    PrintableStream lines = new PrintableStream(text, true, StandardCharsets.UTF_8);
    e.printStackTrace(lines);
    return text.toString(StandardCharsets.UTF_8);
  }

  private static String oneLine(String message) {
    return message == null ? "no message" : Printable.message(message);
  }

  private static int exitCode(Throwable failure) {
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
