package io.github.wandacuda.cli.option;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.JsonText;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Options for what a command prints: its result on stdout, everything else on stderr. */
public final class OutputOptions {
  private static final String LOGGER = "org.slf4j.simpleLogger.";

  /**
   * Options that can change no number of a result, listed so that no other is forgotten: where
   * results go, what is printed and how the machine is used.
   */
  private static final Set<String> UNDECISIVE =
      Set.of(
          ("--checkpoint-every --cluster --dry-run --evaluate --help --io --json --no-card"
                  + " --no-verify --output --overwrite --quiet --report --resume --save-calibration"
                  + " --save-masks --save-statistics --threads --verbose --version --yes")
              .split(" "));

  /** Their content has a digest, or the device a name for its arithmetic, which count instead. */
  private static final Set<String> DIGESTED =
      Set.of(
          ("--backend --calibration --data --device --model --precision --statistics "
                  + "--tasks --text --tokenizer --windows")
              .split(" "));

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

  private Map<String, Object> half = Map.of();
  private List<String> halfText = List.of();

  /** Keeps what the first half of a run gives, which is printed with the result. */
  public void keep(Map<String, Object> object, Supplier<Stream<String>> text) {
    half = object;
    halfText = text.get().toList();
  }

  /** Prints a command's result, as an object or as text for people, unless it was interrupted. */
  public void result(Map<String, Object> object, Supplier<Stream<String>> text) {
    CancelledException.throwIfInterrupted();
    written(object, text);
  }

  /** Prints a piece of text at once, line breaks and tabs as they are, unless {@code --json}. */
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
    Map<String, Object> all = new LinkedHashMap<>(object);
    if (!half.isEmpty()) {
      all.put("smaller", half);
    }
    print(json ? JsonText.of(all).lines() : Stream.concat(halfText.stream(), text.get()));
  }

  private void print(Stream<String> lines) {
    screen().hide();
    var out = command.commandLine().getOut();
    lines.map(Printable::line).forEach(out::println);
    out.flush();
  }

  /** Prints a line of a result that comes bit by bit, unless {@code --json} was given. */
  public void row(String line) {
    if (!json) {
      print(Stream.of(line));
    }
  }

  /** Prints a line on stderr, unless {@code --quiet} was given. */
  public void say(String line) {
    if (!quiet) {
      command.commandLine().getErr().println(Printable.line(line));
    }
  }

  /** Prints lines on stderr if {@code --verbose} was given, see {@link #lines}. */
  public void detail(String format, Object... values) {
    if (verbose) {
      lines(format, values).forEach(this::say);
    }
  }

  public void warn(String line) {
    say("WARN " + line);
  }

  /** Warns of each of some options that was given, since it has no effect. */
  public void warnIfGiven(String why, String... options) {
    for (String option : options) {
      if (given(option)) {
        warn("%s has no effect: %s".formatted(option, why));
      }
    }
  }

  /** Refuses each of some options that was given beside another one. */
  public void exclude(String one, String... others) {
    for (String other : others) {
      if (given(one) && given(other)) {
        throw new UsageException("%s and %s exclude each other".formatted(one, other));
      }
    }
  }

  /** Returns the words of the command line, as they were given. */
  public List<String> words() {
    return command.root().commandLine().getParseResult().originalArgs();
  }

  boolean given(String option) {
    return command.commandLine().getParseResult().hasMatchedOption(option);
  }

  /** Returns the values that numbers depend on, but for {@code others}, which are told apart. */
  public Map<String, String> decisive(String... others) {
    Map<String, String> values = new TreeMap<>();
    for (String name : decisive(command, others)) {
      Object value = command.findOption(name).getValue();
      if (value != null) {
        values.put(name, value.toString());
      }
    }
    return values;
  }

  public static Set<String> decisive(CommandSpec command, String... others) {
    Set<String> left = Set.of(others);
    return command.options().stream()
        .map(option -> option.longestName())
        .filter(
            name -> !UNDECISIVE.contains(name) && !DIGESTED.contains(name) && !left.contains(name))
        .collect(Collectors.toSet());
  }

  public Progress progress() {
    return quiet ? Progress.NONE : screen().progress();
  }

  private ProgressScreen screen() {
    return (ProgressScreen) command.root().userObject();
  }

  /** Returns the lines of a text, in which any value but a number is made printable. */
  public static Stream<String> lines(String format, Object... values) {
    Object[] printable = values.clone();
    for (int index = 0; index < values.length; index++) {
      if (!(values[index] instanceof Number)) {
        printable[index] = Printable.line(String.valueOf(values[index]));
      }
    }
    return format.formatted(printable).lines();
  }

  /**
   * Chooses slf4j-simple and sets it up, which reads its settings once, when the first logger is
   * made. All of it is done here and by properties, since a file or a service in the jar would take
   * over the logging of any program that has this jar in its class path.
   */
  public static void configureLogging(boolean quiet, boolean verbose) {
    setDefault("slf4j.provider", "org.slf4j.simple.SimpleServiceProvider");
    // Without it slf4j tells that it was told which.
    setDefault("slf4j.internal.verbosity", "WARN");
    String level = quiet ? "error" : verbose ? "debug" : "warn";
    setDefault(LOGGER + "defaultLogLevel", level);
    setDefault(LOGGER + "showThreadName", "false");
    setDefault(LOGGER + "showLogName", Boolean.toString(verbose));
    setDefault(LOGGER + "levelInBrackets", "false");
    // The tokenizer's own log tells where it unpacked its library, and prints stack traces of
    // failures that are reported in one line.
    setDefault(LOGGER + "log.ai.djl", "off");
  }

  /** Sets a property, unless the user has set it with {@code -D}. */
  public static void setDefault(String key, String value) {
    if (System.getProperty(key) == null) {
      System.setProperty(key, value);
    }
  }
}
