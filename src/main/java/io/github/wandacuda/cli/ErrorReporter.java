package io.github.wandacuda.cli;

import io.github.wandacuda.cli.option.OptionNames;
import io.github.wandacuda.cli.option.OptionValues;
import io.github.wandacuda.error.BackendUnavailableException;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.ConnectionException;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.Suggestion;
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
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * Reports a failure in one line, as text or, with {@code --json}, as one object; with {@code
 * --verbose} the stack trace follows.
 */
record ErrorReporter(PrintStream err, boolean json, boolean verbose) {
  private static final int USAGE = 2;

  public ErrorReporter(PrintStream err, List<String> words) {
    this(err, words.contains("--json"), words.contains("--verbose"));
  }

  public int usage(ParameterException e) {
    if (e.getCause() instanceof InputException input) {
      return report(input, option -> true);
    }
    print(WrongUsage.details(e), USAGE, List.of());
    return USAGE;
  }

  /** Reports a failure, or its real cause, to a command that has some options; returns its code. */
  public int report(Throwable failure, Predicate<String> options) {
    Throwable e = RealCause.behind(failure).map(Throwable.class::cast).orElse(failure);
    int exitCode = exitCode(e);
    print(details(e, options), exitCode, verbose ? trace(e).lines().toList() : List.of());
    return exitCode;
  }

  private static ErrorDetails details(Throwable e, Predicate<String> options) {
    if (e instanceof WandaException known) {
      return OptionNames.in(known.details(), options);
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
      case InputException e -> 3;
      case BackendUnavailableException e -> 4;
      case VerificationException e -> 5;
      case OutputException e -> 6;
      case ConnectionException e -> 7;
      case CancelledException e -> 130; // As of SIGINT, by which a person cancels.
      default -> 1;
    };
  }

  /** Describes what is wrong with a command line, and what was probably meant. */
  private static final class WrongUsage {
    private static final String MODEL = "--model";

    /**
     * What the options of other programs are called here: those of the code of Wanda above all.
     * Names are without hyphens and underscores; what stands for each begins with an option.
     */
    private static final Map<String, String> HERE =
        Map.ofEntries(
            Map.entry("seqlen", "--sequence-length"),
            Map.entry("maxseqlength", "--sequence-length"),
            Map.entry("nsamples", "--samples"),
            Map.entry("numcalibrationsamples", "--samples"),
            Map.entry("dataset", "--calibration FILE"),
            Map.entry("prunemethod", "--method"),
            Map.entry("usevariant", "--method wanda-variant"),
            Map.entry("sparsityratio", "--sparsity"),
            Map.entry("sparsitytype", "--pattern N:M, and --sparsity for unstructured"),
            Map.entry("save", "--report FILE"),
            Map.entry("savemodel", "--output DIR"),
            Map.entry("outputdir", "--output DIR"),
            Map.entry("modelpath", "--model"),
            Map.entry("cachedir", "--model org/name, from the cache that HF_HUB_CACHE names"),
            Map.entry("evalzeroshot", "--tasks of 'wanda-cuda evaluate'"),
            Map.entry("maxnewtokens", "--tokens"),
            Map.entry("maxtokens", "--tokens"));

    private WrongUsage() {}

    static ErrorDetails details(ParameterException e) {
      CommandSpec command = e.getCommandLine().getCommandSpec();
      String help = "see %s --help".formatted(command.qualifiedName());
      // A missing option may be a mistyped one, which is the better message.
      List<String> unmatched =
          e instanceof UnmatchedArgumentException unknown
              ? unknown.getUnmatched()
              : e.getCommandLine().getUnmatchedArguments();
      if (unmatched.isEmpty()) {
        return refused(e, help);
      }
      // An option's value is not part of its name.
      String word = unmatched.getFirst();
      String name = word.startsWith("-") ? word.replaceFirst("=.*", "") : word;
      String meant = meant(name, e);
      return ErrorDetails.NOWHERE
          .said("unknown %s '%s'".formatted(kind(name, command), Printable.of(name)))
          .hint(meant == null ? help : meant + " " + help);
    }

    private static String kind(String name, CommandSpec command) {
      if (name.startsWith("-")) {
        return "option";
      }
      return command.subcommands().isEmpty() ? "argument" : "command";
    }

    private static String meant(String name, ParameterException e) {
      CommandSpec command = e.getCommandLine().getCommandSpec();
      boolean option = name.startsWith("-");
      boolean modelMisses =
          e instanceof MissingParameterException incomplete
              && incomplete.getMissing().contains(command.findOption(MODEL));
      if (!option && modelMisses) {
        return "did you mean %s %s?".formatted(MODEL, Printable.of(name));
      }
      Optional<String> here = option ? here(name, command) : Optional.empty();
      if (here.isPresent()) {
        return "here it is %s;".formatted(here.get());
      }
      List<String> near =
          Suggestion.nearest(
              name, option ? command.optionsMap().keySet() : command.subcommands().keySet());
      return near.isEmpty() ? null : "did you mean %s?".formatted(String.join(" or ", near));
    }

    private static ErrorDetails refused(ParameterException e, String help) {
      if (e.getCause() instanceof TypeConversionException fault
          && e.getArgSpec() instanceof OptionSpec option) {
        ErrorDetails place = ErrorDetails.of(option.longestName()).hint(help);
        String found = "'%s'".formatted(Printable.of(e.getValue()));
        if (option.type().isEnum()) {
          return place.expected(String.join(" or ", OptionValues.words(option)), found);
        }
        return option.type() == double.class
            ? place.expected("a number such as 0.5", found)
            : place.said(fault.getMessage());
      }
      String message =
          e.getMessage() == null || e.getMessage().isEmpty() ? "no message" : e.getMessage();
      String sentence =
          message.substring(0, 1).toLowerCase(Locale.ROOT)
              + message.substring(1).replaceFirst("\\.$", "");
      return ErrorDetails.NOWHERE.said(sentence).hint(help);
    }

    /** Returns what stands here for another program's option, if the command has that. */
    private static Optional<String> here(String option, CommandSpec command) {
      return Optional.ofNullable(HERE.get(option.replaceAll("[-_]", "")))
          .filter(
              here ->
                  here.contains("'wanda-cuda ") || command.findOption(here.split(" ")[0]) != null);
    }
  }
}
