package io.github.wandacuda.cli;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.pruning.Suggestion;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Describes what is wrong with a command line, and what was probably meant. */
final class WrongUsage {
  private static final String MODEL = "--model";

  /**
   * What the options of other programs are called here: those of the code of Wanda above all. Names
   * are without hyphens and underscores; what stands for each begins with an option.
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
      return ErrorDetails.of(option.longestName()).said(fault.getMessage()).hint(help);
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
