package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The site's page of commands is what the program knows. {@code -Dcommands.write} writes it. */
class CommandReferenceTest {
  private static final Path PAGE = Path.of("src/site/markdown/commands.md");

  private static final String BEGINNING =
      """
      # Command reference

      <!-- Generated from the program's own options. To write it anew, see CommandReferenceTest. -->

      `wanda-cuda` stands for `java -jar wanda-cuda.jar`. `--help` after a command prints the same options, and
      `source <(wanda-cuda generate-completion)` lets bash and zsh complete them.

      Results go to stdout, as one JSON object with `--json` ([which](formats.md)). Progress, logs and warnings go to
      stderr; `--quiet` leaves only errors there. The [exit codes](errors.md) are the same for all commands.
      """;

  @Test
  void thePageIsWhatTheProgramKnows() throws IOException {
    if (System.getProperty("commands.write") != null) {
      Files.writeString(PAGE, page());
    }
    assertThat(Files.readString(PAGE))
        .as("mvn test -Dtest=CommandReferenceTest -Dcommands.write writes it anew")
        .isEqualTo(page());
  }

  private static String page() {
    return CommandHelpTest.commands().stream()
        .map(CommandReferenceTest::section)
        .collect(Collectors.joining("", BEGINNING + summary(), ""));
  }

  private static String summary() {
    return InProcess.commandLine(List.of())
        .getCommandSpec()
        .usageMessage()
        .exitCodeList()
        .entrySet()
        .stream()
        .map(code -> row(code.getKey(), code.getValue()))
        .collect(Collectors.joining("", "\n| exit code | meaning |\n| --- | --- |\n", ""));
  }

  private static String section(CommandSpec command) {
    String options =
        CommandHelp.groups(command).entrySet().stream()
            .map(
                group ->
                    "\n| %s | |\n| --- | --- |\n%s"
                        .formatted(
                            group.getKey(),
                            group.getValue().stream()
                                .filter(option -> !option.usageHelp() && !option.versionHelp())
                                .map(CommandReferenceTest::row)
                                .collect(Collectors.joining())))
            .filter(table -> table.contains("`--"))
            .collect(Collectors.joining());
    String examples =
        Stream.of(command.usageMessage().footer())
            .map(line -> line.substring(2) + "\n")
            .collect(Collectors.joining());
    return "\n## %s\n\n%s\n\n```sh\n%s```\n%s"
        .formatted(command.name(), text(command.usageMessage().description()), examples, options);
  }

  private static String row(OptionSpec option) {
    String value = option.arity().max() == 0 ? "" : " " + option.paramLabel().replace("|", " or ");
    String required = option.required() ? "**Required.** " : "";
    return row(
        "`%s%s`".formatted(option.longestName(), value), required + text(option.description()));
  }

  private static String row(String name, String meaning) {
    return "| %s | %s |\n".formatted(name, meaning.replace("<", "&lt;"));
  }

  private static String text(String[] description) {
    // As code, since the site makes a dash of two hyphens elsewhere.
    return String.join(" ", description).replaceAll("--[a-z-]+", "`$0`");
  }
}
