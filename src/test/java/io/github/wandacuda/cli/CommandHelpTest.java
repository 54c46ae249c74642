package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.github.wandacuda.testing.Ended;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** {@code --help} opens with examples and shows every option once, in a group. */
class CommandHelpTest {
  private static final Set<String> OTHERS = Set.of("help", "generate-completion");

  static List<CommandSpec> commands() {
    return new WandaCuda(
            OutputStream.nullOutputStream(),
            new Stderr(new PrintStream(OutputStream.nullOutputStream())))
        .commandLine(List.of()).getSubcommands().values().stream()
            .map(CommandLine::getCommandSpec)
            .filter(command -> !OTHERS.contains(command.name()))
            .toList();
  }

  @Test
  void everyOptionHasAGroup() {
    assertThat(CommandHelp.grouped())
        .doesNotHaveDuplicates()
        .containsAll(
            commands().stream()
                .flatMap(command -> command.options().stream())
                .map(OptionSpec::longestName)
                .toList());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void anExampleComesBeforeTheOptions(CommandSpec command) {
    String help = InProcess.run(command.name(), "--help").out();
    assertThat(help.indexOf("\n  wanda-cuda " + command.name()))
        .isPositive()
        .isLessThan(help.indexOf("Usage:"));
    assertThat(help.lines()).allMatch(line -> line.length() <= 80);
    List<String> options = help.substring(help.indexOf("Usage:")).lines().toList();
    assertThat(command.options())
        .allSatisfy(
            option ->
                assertThat(options)
                    .filteredOn(
                        line -> line.matches(" {2,6}(-., )?" + option.longestName() + "([= ].*)?"))
                    .hasSize(1));
  }

  @Test
  void pruneOpensWithThreeExamplesAndEndsWithWhatIsRare() {
    List<String> help = InProcess.run("prune", "--help").out().lines().toList();
    assertThat(help.stream().filter(line -> line.startsWith("  wanda-cuda prune "))).hasSize(3);
    assertThat(help.stream().filter(line -> line.matches("[A-Z].*:")))
        .containsExactly(
            "What:", "How much:", "From what:", "Where to:", "Machine:", "Rarely needed:");
    assertThat(help.subList(help.indexOf("Rarely needed:"), help.size()))
        .anyMatch(line -> line.contains("--checkpoint-every"))
        .noneMatch(line -> line.contains("--sparsity="));
  }

  @ParameterizedTest
  @CsvSource({
    "prune, --seqlen, --sequence-length",
    "prune, --nsamples=4, --samples",
    "prune, --prune_method, --method",
    "prune, --sparsity_type, --pattern",
    "prune, --sparsity_ratio, --sparsity",
    "prune, --save, --report",
    "prune, --save_model, --output",
    "prune, --use_variant, --method wanda-variant",
    "prune, --cache_dir, --model",
    "prune, --eval_zero_shot, --tasks of 'wanda-cuda evaluate'",
    "calibrate, --nsamples, --samples",
    "generate, --max-new-tokens, --tokens",
    "generate, --max_new_tokens, --tokens"
  })
  void otherProgramsWordsAreAnswered(String command, String option, String here) {
    Ended result = InProcess.run(command, "--model", "m", option, "4");
    assertThat(result.exitCode()).isEqualTo(2);
    assertThat(result.err())
        .startsWith(
            "wanda-cuda: unknown option '%s'; here it is %s"
                .formatted(option.replace("=4", ""), here));
  }

  @Test
  void aModelWithoutItsOptionIsRecognized() {
    for (String command : Stream.of("prune", "inspect", "generate").toList()) {
      assertThat(InProcess.run(command, "some/model").err())
          .contains("unknown argument 'some/model'; did you mean --model some/model?");
    }
  }

  @Test
  void anOptionThatTheCommandLacksIsNotOffered() {
    assertThat(InProcess.line("inspect --model m --nsamples 4").err()).doesNotContain("here it is");
  }
}
