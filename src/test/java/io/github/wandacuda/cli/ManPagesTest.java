package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The man pages are what the program knows. {@code -Dcommands.write} writes them. */
class ManPagesTest {
  private static final Path DIRECTORY = Path.of("src/image/man");

  private static final String PROGRAM = "wanda-cuda";

  @Test
  void thePagesAreWhatTheProgramKnows() throws IOException {
    Map<String, String> pages = pages();
    if (System.getProperty("commands.write") != null) {
      write(pages);
    }
    assertThat(committed())
        .as("mvn test -Dtest=ManPagesTest -Dcommands.write writes them anew")
        .isEqualTo(pages);
  }

  private static void write(Map<String, String> pages) throws IOException {
    Files.createDirectories(DIRECTORY);
    for (String name : committed().keySet()) {
      Files.delete(DIRECTORY.resolve(name));
    }
    for (Map.Entry<String, String> page : pages.entrySet()) {
      Files.writeString(DIRECTORY.resolve(page.getKey()), page.getValue());
    }
  }

  private static Map<String, String> committed() throws IOException {
    Map<String, String> pages = new TreeMap<>();
    try (Stream<Path> files = Files.list(DIRECTORY)) {
      for (Path file : files.toList()) {
        pages.put(file.getFileName().toString(), Files.readString(file));
      }
    }
    return pages;
  }

  /** Returns the pages by the names of their files. */
  private static Map<String, String> pages() {
    List<CommandSpec> commands = InProcess.commands();
    Map<String, String> pages = new TreeMap<>();
    CommandSpec program = InProcess.commandLine(List.of()).getCommandSpec();
    pages.put(PROGRAM + ".1", page(program, commands));
    for (CommandSpec command : commands) {
      pages.put(name(command) + ".1", page(command));
    }
    return pages;
  }

  private static String page(CommandSpec program, List<CommandSpec> commands) {
    String summaries =
        commands.stream()
            .map(command -> tagged(bold(command.name()), firstSentence(command)))
            .collect(Collectors.joining());
    String codes =
        program.usageMessage().exitCodeList().entrySet().stream()
            .map(code -> tagged(bold(code.getKey()), escaped(code.getValue())))
            .collect(Collectors.joining());
    String others =
        commands.stream()
            .map(command -> bold(name(command)) + "(1)")
            .collect(Collectors.joining(",\n"));
    return beginning(PROGRAM, program)
        + "%s \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n".formatted(bold(PROGRAM))
        + section("DESCRIPTION", text(program.usageMessage().description()) + "\n")
        + section("COMMANDS", summaries)
        + section("OPTIONS", options(program))
        + section("EXIT STATUS", codes)
        + section("SEE ALSO", others + "\n");
  }

  private static String page(CommandSpec command) {
    String name = name(command);
    return beginning(name, command)
        + "%s %s [\\fIOPTIONS\\fR]\n".formatted(bold(PROGRAM), bold(command.name()))
        + section("DESCRIPTION", text(command.usageMessage().description()) + "\n")
        + examples(command)
        + section("OPTIONS", groups(command))
        + section("EXIT STATUS", "The same for all commands: see %s(1).\n".formatted(bold(PROGRAM)))
        + section("SEE ALSO", bold(PROGRAM) + "(1)\n");
  }

  private static String beginning(String name, CommandSpec command) {
    return ".\\\" Generated from the program's own options: see ManPagesTest.\n"
        + ".TH \"%s\" \"1\" \"\" \"wanda-cuda\" \"wanda-cuda\"\n.ad l\n.nh\n"
            .formatted(name.toUpperCase(Locale.ROOT))
        + section("NAME", "%s \\- %s\n".formatted(escaped(name), firstSentence(command)))
        + section("SYNOPSIS", "");
  }

  private static String name(CommandSpec command) {
    return PROGRAM + "-" + command.name();
  }

  private static String examples(CommandSpec command) {
    String lines =
        Stream.of(command.usageMessage().footer())
            .map(line -> escaped(line.substring(2)) + "\n")
            .collect(Collectors.joining());
    return lines.isEmpty() ? "" : section("EXAMPLES", ".nf\n" + lines + ".fi\n");
  }

  private static String groups(CommandSpec command) {
    return CommandHelp.groups(command).entrySet().stream()
        .map(
            group ->
                ".SS \"%s\"\n".formatted(group.getKey())
                    + group.getValue().stream()
                        .map(ManPagesTest::option)
                        .collect(Collectors.joining()))
        .collect(Collectors.joining());
  }

  private static String options(CommandSpec command) {
    return command.options().stream()
        .sorted(
            Comparator.comparing((OptionSpec option) -> !option.required())
                .thenComparing(OptionSpec::longestName))
        .map(ManPagesTest::option)
        .collect(Collectors.joining());
  }

  private static String option(OptionSpec option) {
    String value = option.arity().max() == 0 ? "" : "=\\fI" + escaped(option.paramLabel()) + "\\fR";
    String names =
        List.of(option.names()).stream().map(ManPagesTest::bold).collect(Collectors.joining(", "));
    String required = option.required() ? "Required. " : "";
    return tagged(names + value, required + text(option.description()));
  }

  private static String firstSentence(CommandSpec command) {
    String first = String.join(" ", command.usageMessage().description());
    int end = first.indexOf(". ");
    String sentence = end < 0 ? first : first.substring(0, end);
    return text(sentence.replaceFirst("\\.$", ""));
  }

  private static String section(String title, String content) {
    return ".SH \"%s\"\n%s".formatted(title, content);
  }

  private static String tagged(String tag, String content) {
    return ".TP\n%s\n%s\n".formatted(tag, content);
  }

  private static String bold(String text) {
    return "\\fB%s\\fR".formatted(escaped(text));
  }

  private static String text(String... description) {
    String text = String.join(" ", description).replace("${ROOT-COMMAND-NAME}", PROGRAM);
    return escaped(text.replace("%n", " "));
  }

  /** Returns text that roff takes as it is. */
  private static String escaped(String text) {
    String escaped = text.replace("\\", "\\e").replace("-", "\\-");
    return escaped.startsWith(".") || escaped.startsWith("'") ? "\\&" + escaped : escaped;
  }
}
