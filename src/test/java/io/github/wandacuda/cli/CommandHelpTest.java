package io.github.wandacuda.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** {@code --help} opens with examples and shows every option once, in a group. */
class CommandHelpTest {
  static List<CommandSpec> commands() {
    return InProcess.commands().stream()
        .filter(command -> !command.name().equals("generate-completion"))
        .toList();
  }

  @Test
  void everyOptionHasAGroup() {
    assertThat(CommandHelp.GROUPS.values().stream().flatMap(List::stream))
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
}
