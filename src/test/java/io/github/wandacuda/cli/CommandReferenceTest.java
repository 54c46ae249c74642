package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** The site's page of commands is what the program knows. {@code -Dcommands.write} writes it. */
class CommandReferenceTest {
  @Test
  void thePageIsWhatTheProgramKnows() throws IOException {
    if (System.getProperty("commands.write") != null) {
      CommandReference.write();
    }
    assertThat(Files.readString(CommandReference.PAGE))
        .as("mvn test -Dtest=CommandReferenceTest -Dcommands.write writes it anew")
        .isEqualTo(CommandReference.page());
  }

  /** Writes the site's page of commands from what picocli knows of them. */
  private static final class CommandReference {
    static final Path PAGE = Path.of("src/site/markdown/commands.md");

    private static final String BEGINNING =
        """
        # Command reference

        <!-- Generated from the program's own options. To write it anew, see CommandReferenceTest. -->

        `wanda-cuda` stands for `java -jar wanda-cuda.jar`. `--help` after a command prints the same options, and
        `source <(wanda-cuda generate-completion)` lets bash and zsh complete them.

        Results go to stdout, as one JSON object with `--json` ([which](formats.md)). Progress, logs and warnings go to
        stderr; `--quiet` leaves only errors there. The [exit codes](errors.md) are the same for all commands.
        """;

    private static final Set<String> WITHOUT_OPTIONS = Set.of("help", "generate-completion");

    private CommandReference() {}

    /** Returns the page. */
    static String page() {
      CommandLine program =
          new WandaCuda(
                  OutputStream.nullOutputStream(),
                  new Stderr(new PrintStream(OutputStream.nullOutputStream())))
              .commandLine(List.of());
      return program.getSubcommands().values().stream()
          .map(CommandLine::getCommandSpec)
          .filter(command -> !WITHOUT_OPTIONS.contains(command.name()))
          .map(CommandReference::section)
          .collect(Collectors.joining("", BEGINNING + summary(program), ""));
    }

    private static String summary(CommandLine program) {
      return program.getCommandSpec().usageMessage().exitCodeList().entrySet().stream()
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
                                  .map(CommandReference::row)
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
      String value =
          option.arity().max() == 0 ? "" : " " + option.paramLabel().replace("|", " or ");
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

    /** Writes the page. */
    static void write() throws IOException {
      Files.writeString(PAGE, page(), StandardCharsets.UTF_8);
    }
  }
}
