package io.github.wandacuda.cli.console;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Describes what is wrong with a command line, and what was probably meant. */
final class WrongUsage {
  private WrongUsage() {}

  static ErrorDetails details(ParameterException e) {
    CommandSpec command = e.getCommandLine().getCommandSpec();
    String help = "see %s --help".formatted(command.qualifiedName());
    // A missing option may be a mistyped one, which is the better message.
    List<String> unmatched =
        e instanceof UnmatchedArgumentException unknown
            ? unknown.getUnmatched()
            : e.getCommandLine().getUnmatchedArguments();
    return unmatched.isEmpty() ? refused(e, help) : unknown(unmatched.getFirst(), command, help);
  }

  private static ErrorDetails unknown(String word, CommandSpec command, String help) {
    boolean option = word.startsWith("-");
    boolean takesCommands = !command.subcommands().isEmpty();
    List<String> names =
        option
            ? List.copyOf(command.optionsMap().keySet())
            : List.copyOf(command.subcommands().keySet());
    String kind = option ? "option" : takesCommands ? "command" : "argument";
    // An option's value is not part of its name.
    String name = option ? word.replaceFirst("=.*", "") : word;
    List<String> meant = Suggestions.of(name, names);
    ErrorDetails details =
        ErrorDetails.saying("unknown %s '%s'".formatted(kind, Printable.of(name)));
    return details.hint(
        meant.isEmpty() ? help : "did you mean %s? %s".formatted(String.join(" or ", meant), help));
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
    return ErrorDetails.saying(sentence).hint(help);
  }
}
