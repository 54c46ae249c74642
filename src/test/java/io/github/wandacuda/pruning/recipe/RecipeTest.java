package io.github.wandacuda.pruning.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.pruning.recipe.ModuleRules.Scope;
import io.github.wandacuda.pruning.recipe.Recipe.Stage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@Execution(ExecutionMode.CONCURRENT)
class RecipeTest {
  private static final List<String> MODULES =
      List.of("h.0.attn.q_proj", "h.0.mlp.up", "h.1.attn.q_proj", "h.1.mlp.up");

  @TempDir Path directory;

  private Recipe read(String yaml) throws IOException {
    return Recipe.read(Files.writeString(directory.resolve("recipe.yaml"), yaml));
  }

  private Stage only(String yaml) throws IOException {
    return read(yaml).stages().getFirst();
  }

  @Test
  void aStageSaysAllThatItsKeysDo() throws IOException {
    Recipe recipe =
        read(
            """
            # two stages
            stages:
              - modules: attn|q_proj
                method: ria
                scope: row
                sparsity: 0.6
                refine: swaps
                refine-swaps: 20
                update: reconstruct
                allocation: shares/by-block.json

              - {pattern: 2:4, method: sparsegpt, allocation: uniform}
            """);
    Stage first = recipe.stages().getFirst();
    assertThat(first.modules().orElseThrow().pattern()).isEqualTo("attn|q_proj");
    assertThat(first.rules().method()).isEqualTo(Method.RIA);
    assertThat(first.rules().scope()).isEqualTo(Scope.ROW);
    assertThat(first.rules().sparsity()).isEqualTo(new Sparsity.Ratio(0.6));
    assertThat(first.rules().swaps()).isTrue();
    assertThat(first.rules().swapBudget()).hasValue(20);
    assertThat(first.rules().reconstruct()).isTrue();
    assertThat(first.allocation())
        .isEqualTo(new Allocation.FromFile(directory.resolve("shares/by-block.json")));
    assertThat(first.line()).isEqualTo(3);
    Stage second = recipe.stages().get(1);
    assertThat(second.rules().method()).isEqualTo(Method.SPARSEGPT);
    assertThat(second.rules().sparsity()).isEqualTo(new Sparsity.GroupPattern(2, 4));
    assertThat(second.line()).isEqualTo(12);
    assertThat(recipe.stages()).hasSize(2);
  }

  @Test
  void anEmptyStageIsThatOfTheDefaults() throws IOException {
    Stage stage = only("- {}");
    assertThat(stage.modules()).isEmpty();
    assertThat(stage.rules())
        .isEqualTo(
            ModuleRules.of(Method.WANDA, new Sparsity.Ratio(0.5))
                .with(MethodKey.SCOPE, Scope.MATRIX));
    assertThat(stage.allocation()).isEqualTo(Allocation.Rule.UNIFORM);
    assertThat(only("- allocation: owl").allocation()).isEqualTo(Allocation.Rule.OWL);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "modulse: up | line 3: expected one of the keys modules, method, | found 'modulse'; did you"
            + " mean 'modules'?",
        "refine_swap: 3 | line 3: | did you mean 'refine-swaps'?",
        "colour: red | line 3: | found 'colour'",
        "<<: {sparsity: 0.5} | line 3: expected one of the keys | found '<<'",
        "method: 'sparse-gpt' | line 3: method: expected one of wanda, | found 'sparse-gpt'; did"
            + " you mean 'sparsegpt'?",
        "method: 7 | line 3: method: expected one of | found the number 7",
        "method: | line 3: method: | found nothing",
        "scope: cell | line 3: scope: | with 'method: ria' alone, found 'cell'",
        "modules: ( | line 3: modules: expected a regular expression | found Unclosed group",
        "modules: [a, b] | line 3: expected one value for 'modules' | found a list",
        "modules: 3 | line 3: modules: expected a regular expression as text | found the number 3",
        "sparsity: 1 | line 3: sparsity: expected a fraction of at least 0 and less than 1 | found"
            + " 1",
        "sparsity: -0.1 | line 3: sparsity: | found -0.1",
        "sparsity: 50% | line 3: sparsity: expected a fraction such as 0.5 | write 0.5 for 50 %",
        "sparsity: '0.5' | line 3: sparsity: expected a number, found '0.5' | leave the quotes out",
        "sparsity: .nan | line 3: sparsity: | found '.nan'",
        "sparsity: true | line 3: sparsity: | found 'true'",
        "pattern: 4:4 | line 3: pattern: expected N:M with N at least 1 and less than M | found"
            + " 4:4",
        "pattern: 24 | line 3: pattern: expected N:M such as 2:4 | found the number 24",
        "refine: swap | line 3: refine: expected 'swaps', found 'swap' | did you mean 'swaps'?",
        "refine-swaps: 5 | line 3: refine-swaps: expected it with 'refine: swaps' alone | found the"
            + " number 5",
        "update: true | line 3: update: expected one of reconstruct, alps, realign, tune, none | found the truth value true",
        "allocation: owls | line 3: allocation: expected one of uniform, atp, dlp, owl, or a file"
            + " .json | did you mean",
      })
  void aWrongLineIsNamed(String line, String place, String found) {
    String first = line.startsWith("update") ? "sparsity: 0.5" : "update: reconstruct";
    String yaml = "stages:\n- %s\n  %s\n".formatted(first, line);
    assertThatThrownBy(() -> read(yaml))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("recipe.yaml: " + place)
        .hasMessageContaining(found);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{sparsity: 0.5, pattern: 2:4} | pattern: expected it without 'sparsity'",
        "{scope: row, method: wanda} | scope: expected it with 'method: ria' alone",
        "{method: wanda-variant, pattern: 2:4} | pattern: expected it with another method",
        "{method: sparsegpt, refine: swaps} | refine: expected it with another method",
        "{allocation: atp, pattern: 2:4} | allocation: expected it without 'pattern'",
        "{allocation: a.json, method: masks} | allocation: expected it with another method",
        "{refine: swaps, refine-swaps: 0} | refine-swaps: expected a whole number from 1",
        "{refine: swaps, refine-swaps: 1.5} | refine-swaps: expected a whole number from 1",
        "{refine: swaps, refine-swaps: 2147483648} | refine-swaps: expected a whole number from 1",
        "{method: ria, method: wanda} | expected every key once, found a second 'method'",
        "{allocation: \"a\\0.json\"} | allocation: expected a file's name",
        "&a {modules: b} | ",
      })
  void whatDoesNotGoTogetherIsNamed(String stage, String message) throws IOException {
    if (message == null) {
      assertThat(only("- " + stage).modules()).isPresent();
      return;
    }
    assertThatThrownBy(() -> read("- " + stage))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("recipe.yaml: line 1: " + message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`` | line 1: expected stages, found an empty file",
        "`# nothing` | expected stages, found an empty file",
        "~ | line 1: expected a list of stages, found nothing",
        "[] | line 1: expected a stage, found an empty list",
        "{} | line 1: expected a list of stages, found nothing",
        "wanda | line 1: expected a list of stages, found 'wanda'",
        "{stages: wanda} | line 1: expected a list of stages, found 'wanda'",
        "{stage: []} | expected the key 'stages', found 'stage'; did you mean 'stages'?",
        "{stages: [{}], stages: [{}]} | expected every key once, found a second 'stages'",
        "[wanda] | line 1: expected a stage, such as 'sparsity: 0.5', found 'wanda'",
        "[[]] | line 1: expected a stage, such as 'sparsity: 0.5', found a list",
        "[{? [a] : b}] | expected a key of a stage, found a list",
        "[{method: &m wanda}, {method: *m}] | expected the value itself, found the alias *m",
        "[{method: !!str wanda}] | expected a value without a tag, found one with a tag",
        "[!a {method: wanda}] | expected a value without a tag, found one with a tag",
      })
  void whatIsNoRecipeIsNamed(String yaml, String message) {
    assertThatThrownBy(() -> read(yaml))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("recipe.yaml: line 1: ")
        .hasMessageContaining(message);
  }

  @Test
  void aSecondDocumentIsNamed() {
    assertThatThrownBy(() -> read("- {}\n---\n- {}\n"))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("line 2: expected one document, found a second one");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "- {modules: a", "- modules: a\n   method: b", "- modules: \"a",
        "- modules: \u0001", "- {}\n\t- {}", "%YAML 3.0\n---\n- {}"
      })
  void whatIsNoYamlIsAWrongInput(String yaml) {
    assertThatThrownBy(() -> read(yaml))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected YAML, found");
  }

  @Test
  void aFileThatCannotBeReadIsAWrongInput() throws IOException {
    assertThatThrownBy(() -> Recipe.read(directory.resolve("missing.yaml")))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("missing.yaml: cannot be read: no such file or folder");
    Path latin = Files.write(directory.resolve("latin.yaml"), new byte[] {'#', (byte) 0xe4});
    assertThatThrownBy(() -> Recipe.read(latin))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected UTF-8");
    String comment = "- {} #" + "x".repeat((1 << 20) - 6);
    assertThat(read(comment).stages()).hasSize(1);
    assertThatThrownBy(() -> read(comment + "x"))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("expected at most 1048576 bytes, found 1048577");
  }

  @Test
  @Timeout(20)
  void deepAndLongFilesAreReadOrRefusedAtOnce() throws IOException {
    assertThatThrownBy(() -> read("[".repeat(1 << 20))).isInstanceOf(UsageException.class);
    assertThatThrownBy(() -> read("- ".repeat(1 << 19))).isInstanceOf(UsageException.class);
    assertThatThrownBy(() -> read("{? ".repeat(1 << 18)))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("line 1: expected at most 32 levels of nesting, found more");
    assertThatThrownBy(() -> read("- modules: " + "[".repeat(30) + "]".repeat(30)))
        .hasMessageContaining("line 1: expected one value for 'modules', found a list");
    assertThat(read("- {}\n".repeat(100_000)).stages()).hasSize(100_000);
  }

  @Test
  void theFirstStageThatMatchesHolds() throws IOException {
    Recipe recipe = read("- modules: 'h\\.1\\..*up'\n- modules: attn\n  method: magnitude\n- {}");
    Map<String, Stage> stages = recipe.stagesOf(MODULES);
    assertThat(stages.keySet()).containsExactlyElementsOf(MODULES);
    assertThat(stages.values()).extracting(Stage::line).containsExactly(2, 4, 2, 1);
  }

  @Test
  void aModuleThatNoStageMatchesHasNone() throws IOException {
    assertThat(read("- modules: up").stagesOf(MODULES).keySet())
        .containsExactly("h.0.mlp.up", "h.1.mlp.up");
  }

  @Test
  void aStageThatMatchesNothingIsRefused() throws IOException {
    Recipe recipe = read("- {}\n- modules: k_proj\n");
    assertThatThrownBy(() -> recipe.stagesOf(MODULES))
        .isInstanceOf(UsageException.class)
        .hasMessageContaining("recipe.yaml: line 2: ")
        .hasMessageContaining("'k_proj', which matches none of 4 modules");
  }

  /** That is warned of, since it may be meant. */
  @Test
  void aStageWhoseModulesAreTakenIsNoFailure() throws IOException {
    assertThat(read("- {}\n- modules: up\n").stagesOf(MODULES).values())
        .extracting(Stage::line)
        .containsOnly(1);
  }
}
