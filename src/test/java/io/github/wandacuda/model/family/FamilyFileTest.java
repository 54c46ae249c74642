package io.github.wandacuda.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Families that JSON files describe: the page's one runs as ours, and what is wrong is named with
 * its line.
 */
class FamilyFileTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Path PAGE = Path.of("src/site/markdown/families.md");
  private static final Path QWEN3 = TestData.fixture("qwen3").resolve("model");
  private static final Path NEXT = TestData.fixture("qwen3_next").resolve("model");

  private static final int FAMILIES = Integer.getInteger("families.cases", Tier.isAll() ? 500 : 60);
  private static final long FAMILY_SEED = Tier.seed("families.seed", 1);

  /** What stands in the place of a value: nothing, for one that is taken away. */
  private static final List<String> VALUES =
      List.of(
          "",
          "0",
          "1",
          "3",
          "-1",
          "0.5",
          "2147483647",
          "1e18",
          "1e300",
          "true",
          "null",
          "\"\"",
          "\"x\"",
          "\".\"",
          "\"1.2.3\"",
          "\"1/0\"",
          "\"0/0\"",
          "\"hidden_size\"",
          "\"9^9^9\"",
          "[]",
          "[[]]",
          "{}",
          "[1]");

  @TempDir Path directory;

  /** Returns the description on the page of families. */
  static String page() throws IOException {
    Matcher block =
        Pattern.compile("```json\n(\\{\n  \"shape\".*?)```", Pattern.DOTALL)
            .matcher(Files.readString(PAGE));
    assertThat(block.find()).isTrue();
    return block.group(1);
  }

  private Path file(String json) throws IOException {
    return Files.writeString(directory.resolve("family.json"), json);
  }

  private static double perplexity(Path model, Path family) {
    List<int[]> tokens = TestData.tokens(model.resolveSibling("tokens.json"));
    try (ModelDirectory opened = ModelDirectory.open(model, FamilyFile.read(family));
        Backend scalar = ScalarCpu.open(2);
        Decoder decoder = DecoderFamilies.open(opened, scalar.operations())) {
      return Perplexity.of(decoder, tokens, Progress.NONE);
    }
  }

  @Test
  void thePagesFamilyRunsAsOurs() throws IOException {
    assertThat(perplexity(QWEN3, file(page()))).isEqualTo(perplexity(QWEN3, null));
  }

  @Test
  void partsOfAllKindsAreDescribed() {
    Path family = Path.of("src/test/resources/families/qwen3_next.json");
    assertThat(perplexity(NEXT, family)).isEqualTo(perplexity(NEXT, null));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          "embedding":      | "embeding":    | line 6: embeding: expected one of the keys shape,
          "gated": true     | "gate": true   | line 63: gate: expected one of the keys inputs,
          "silu"            | "tanh"         | line 64: activation: expected one of gelu,
          "head_dim ^ -0.5" | "head_dims"    | line 40: scale: expected the number 'head_dims' in
          "head_dim ^ -0.5" | "head_dim ^"   | line 40: scale: expected a number or a key of
          "head_dim ^ -0.5" | "head_dim & 2" | line 40: scale: expected an expression of numbers,
          "intermediate_size" | "intermediate_size / 3" | : expected a whole number, found 26.6
          "gated": true     | "gated": 1     | line 63: gated: expected true, false or a key of
          "weight": "lm_head.weight" | "softcap": 0 | expected the key 'weight', found none
          "queries": "num_attention_heads" | "queries": 5 | line 13: attention: expected values that fit each other, found 5 heads of 16 in
          "intermediate_size", | "hidden_size", | line 52: mlp: expected values that fit each other
          { "scale": "head_dim ^ -0.5" } | null | line 40: scores: expected an object, found null
          "linears": [ | "linears": [ null, | line 15: linears: expected an object, found null
          "activation": "silu" | "activation": {} | line 64: expected the key 'activation', found none
          "activation": "silu" | "activation": null | line 64: activation: expected one of gelu,
          "hiddenSize": "hidden_size" | "hiddenSize": 3 | expected values that fit each other, found an embedding of another width, 32
          "head_dim ^ -0.5" | "1 / 0" | line 40: scale: expected a finite number, found Infinity
          "rotary": { "headSize": "head_dim" | "rotary": { "headSize": "hidden_size" | line 13: attention: expected values that fit each other
          "head_dim ^ -0.5" | 1e300 | line 40: scale: expected a finite number, found 1.0E300
          "num_hidden_layers" | "1.2.3" | blocks: expected the end of the expression, found .3
          "num_hidden_layers" | "." | blocks: expected an expression of numbers, keys and
          "num_hidden_layers" | "2 * 1.5.e3" | blocks: expected an expression of numbers, keys and
          "shape": { | "prefixes": [], "shape": { | prefixes: expected a list of at least one, found an empty list
          """)
  void whatIsWrongIsNamedWithItsLine(String sound, String wrong, String message)
      throws IOException {
    Path family = file(page().replace(sound, wrong));
    assertThatThrownBy(() -> perplexity(QWEN3, family))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(message);
  }

  @Test
  void anMlpHasInputs() throws IOException {
    Path family = file(page().replaceFirst("(?s)\"inputs\": \\[.*?\\]", "\"inputs\": []"));
    assertThatThrownBy(() -> perplexity(QWEN3, family))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("line 52: mlp: expected values that fit each other");
  }

  @Test
  void anExpressionIsNotNestedWithoutEnd() throws IOException {
    String nested = "(".repeat(5000) + "1" + ")".repeat(5000);
    Path family = file(page().replace("head_dim ^ -0.5", nested));
    assertThatThrownBy(() -> perplexity(QWEN3, family))
        .isInstanceOf(InputException.class)
        .hasMessageContaining("line 40: scale: expected an expression of numbers");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          "linear_num_key_heads" | 1 | heads of 6 in modules of other widths
          "num_experts_per_tok"  | 0 | 0 of 6 experts for a token
          "num_experts_per_tok"  | 7 | 7 of 6 experts for a token
          "full_attention_interval",  | 0, | every: expected at least 1, found 0
          """)
  void theNumbersOfPartsFitTheirModules(String sound, String wrong, String message)
      throws IOException {
    String next = Files.readString(Path.of("src/test/resources/families/qwen3_next.json"));
    Path family = file(next.replace(sound, wrong));
    assertThatThrownBy(() -> perplexity(NEXT, family))
        .isInstanceOf(InputException.class)
        .hasMessageContaining(message);
  }

  /** Values of any kind in any place end in a message or in a decoder that runs. */
  @ParameterizedTest
  @CsvSource({"qwen3", "qwen3_next"})
  void anyDescriptionRunsOrIsRefused(String name) throws IOException {
    Path model = TestData.fixture(name).resolve("model");
    String sound =
        name.equals("qwen3")
            ? page()
            : Files.readString(Path.of("src/test/resources/families/qwen3_next.json"));
    for (int index = 0; index < FAMILIES; index++) {
      long seed = FAMILY_SEED + index;
      JsonNode changed = JSON.readTree(sound);
      String change = change(changed, new Random(seed));
      Path family = file(changed.toString());
      try {
        double unused = perplexity(model, family);
      } catch (WandaException e) {
        assertThat(e.getMessage()).as(change).doesNotContain("Exception", "Cannot invoke");
      } catch (RuntimeException | Error e) {
        throw new AssertionError("%s, -Dfamilies.seed=%d: %s".formatted(name, seed, change), e);
      }
    }
  }

  /** Puts another value in some place of a description, and returns which. */
  private static String change(JsonNode json, Random random) throws IOException {
    JsonNode at = json;
    while (true) {
      int size = at.size();
      int index = random.nextInt(size);
      String key = at.isObject() ? at.properties().stream().toList().get(index).getKey() : "";
      JsonNode child = at.isObject() ? at.get(key) : at.get(index);
      if (child.isContainerNode() && !child.isEmpty() && random.nextInt(6) > 0) {
        at = child;
        continue;
      }
      String value = VALUES.get(random.nextInt(VALUES.size()));
      if (at instanceof ObjectNode object) {
        if (value.isEmpty()) {
          object.remove(key);
        } else {
          object.set(key, TestData.json(value.getBytes(StandardCharsets.UTF_8)));
        }
      } else if (at instanceof ArrayNode list) {
        list.remove(index);
        if (!value.isEmpty()) {
          list.insert(index, TestData.json(value.getBytes(StandardCharsets.UTF_8)));
        }
      }
      return "%s%d: %s for %s".formatted(key, index, value, child);
    }
  }

  /** Before a block is read. */
  @Test
  void everyTensorsShapeIsChecked() throws IOException {
    Path family =
        file(page().replace("q_norm\", \"size\": \"head_dim\"", "q_norm\", \"size\": 15"));
    try (ModelDirectory opened = ModelDirectory.open(QWEN3, FamilyFile.read(family));
        Backend scalar = ScalarCpu.open(1)) {
      assertThatThrownBy(() -> DecoderFamilies.open(opened, scalar.operations()))
          .isInstanceOf(InputException.class)
          .hasMessageContaining("model.layers.0.self_attn.q_norm.weight: expected shape [15]");
    }
  }

  /** A run that resumes compares what it reads by these. */
  @Test
  void anotherDescriptionIsAnotherSource() throws IOException {
    Path family = file(page());
    Map<String, String> before = digests(family);
    assertThat(digests(family)).isEqualTo(before);
    Files.writeString(family, page() + "\n");
    assertThat(digests(family)).isNotEqualTo(before);
  }

  private static Map<String, String> digests(Path family) {
    try (ModelDirectory opened = ModelDirectory.open(QWEN3, FamilyFile.read(family))) {
      return SourceDigest.byFile(opened);
    }
  }
}
