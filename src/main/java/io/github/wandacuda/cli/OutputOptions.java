package io.github.wandacuda.cli;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.JsonText;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Options for what a command prints: its result on stdout, everything else on stderr. */
final class OutputOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(names = "--json", description = "Print the result as one JSON object.")
  private boolean json;

  @Option(names = "--quiet", description = "Print nothing on stderr but errors.")
  private boolean quiet;

  @Option(
      names = "--verbose",
      description = "Say what is chosen and done on the way, and show where an error came from.")
  private boolean verbose;

  /**
   * Prints a command's result, as an object or as text for people.
   *
   * @throws CancelledException if the command was interrupted
   */
  public void result(Map<String, Object> object, Supplier<Stream<String>> text) {
    CancelledException.throwIfInterrupted();
    written(object, text);
  }

  /**
   * Prints a piece of a result that is text, at once, unless {@code --json} was given. Line breaks
   * and tabs stay as they are.
   */
  public void stream(String piece) {
    if (json || piece.isEmpty()) {
      return;
    }
    var out = command.commandLine().getOut();
    out.print(piece);
    out.flush();
  }

  /** Prints the result of a command whose files are written, even if it was interrupted since. */
  public void written(Map<String, Object> object, Supplier<Stream<String>> text) {
    stderr().hide();
    var out = command.commandLine().getOut();
    Stream<String> lines = json ? JsonText.of(object).lines() : text.get();
    lines.map(Printable::line).forEach(out::println);
    out.flush();
  }

  /** Prints a line of a result that comes bit by bit, unless {@code --json} was given. */
  public void row(String line) {
    if (!json) {
      stderr().hide();
      var out = command.commandLine().getOut();
      out.println(Printable.line(line));
      out.flush();
    }
  }

  /** Prints a line on stderr, unless {@code --quiet} was given. */
  public void say(String line) {
    if (!quiet) {
      command.commandLine().getErr().println(Printable.line(line));
    }
  }

  /** Prints lines on stderr if {@code --verbose} was given, see {@link MultilineText#of}. */
  public void detail(String format, Object... values) {
    if (verbose) {
      MultilineText.of(format, values).forEach(this::say);
    }
  }

  /** Prints a warning on stderr, as {@link #say} does. */
  public void warn(String line) {
    say("WARN " + line);
  }

  /**
   * Warns of each of some options that was given, since it has no effect.
   *
   * @param why why it has no effect
   */
  public void warnIfGiven(String why, String... options) {
    for (String option : options) {
      if (given(option)) {
        warn("%s has no effect: %s".formatted(option, why));
      }
    }
  }

  /**
   * Refuses each of some options that was given beside another one.
   *
   * @throws UsageException if one was given
   */
  public void exclude(String given, String... others) {
    for (String other : others) {
      if (given(other)) {
        throw new UsageException("%s and %s exclude each other".formatted(given, other));
      }
    }
  }

  /** Returns the words of the command line, as they were given. */
  public List<String> words() {
    return command.root().commandLine().getParseResult().originalArgs();
  }

  /** Returns whether the command has an option, and it was given. */
  boolean given(String option) {
    return command.commandLine().getParseResult().hasMatchedOption(option);
  }

  /** Returns the options that numbers depend on, see {@link DecisiveOptions}. */
  public Map<String, String> decisive(String... others) {
    return DecisiveOptions.values(command, others);
  }

  /** Returns a progress that is shown on stderr. */
  public Progress progress() {
    return quiet ? Progress.NONE : new ProgressPrinter(stderr(), Stderr.isTerminal());
  }

  private Stderr stderr() {
    // The root command supplies the stream for errors; this package can't name its class.
    var program = (Supplier<?>) command.root().userObject();
    return (Stderr) program.get();
  }
}
