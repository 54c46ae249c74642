package io.github.wandacuda.pruning.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.github.wandacuda.error.UsageException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.schema.CoreSchema;

/** The published schema and the reader accept and refuse the same recipes. */
@Execution(ExecutionMode.CONCURRENT)
class RecipeSchemaTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final JsonNode SCHEMA = schema();
  private static final JsonSchema VALIDATOR =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(SCHEMA);

  private static final Map<Class<?>, String> TYPES =
      Map.of(String.class, "string", Double.class, "number", Integer.class, "integer");

  @TempDir Path directory;

  private static JsonNode schema() {
    try (InputStream in =
        Recipe.class.getResourceAsStream("/io/github/wandacuda/pruning/recipe.schema.json")) {
      return JSON.readTree(in);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean schemaAccepts(String yaml) {
    LoadSettings settings = LoadSettings.builder().setSchema(new CoreSchema()).build();
    return VALIDATOR.validate(JSON.valueToTree(new Load(settings).loadFromString(yaml))).isEmpty();
  }

  private boolean readerAccepts(String yaml) throws IOException {
    Path file = Files.writeString(directory.resolve("recipe.yaml"), yaml);
    try {
      Recipe.read(file);
      return true;
    } catch (UsageException e) {
      return false;
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "- {}",
        "stages: [{}]",
        "[{modules: up, method: ria, scope: matrix}, {sparsity: 0}]",
        "- {sparsity: .5, refine: swaps, refine-swaps: 3.0, update: reconstruct, allocation: atp}",
        "- {sparsity: 9.99e-1, allocation: by block.json}",
        "- {pattern: '4:8', method: magnitude, allocation: uniform}",
        "- {method: masks, pattern: 2:4, refine: swaps}",
        "- {method: sparsegpt, update: reconstruct, allocation: dlp}",
        "- {method: ria, update: alps}",
        "- {structure: experts}",
        "[{structure: blocks, remove: 2, score: angular, update: none}, {sparsity: 0.5}]",
        "[{structure: channels, sparsity: 0.25, multiple: 8, score: flap, update: realign}, {}]",
        "[{structure: auto, sparsity: 0.3, multiple: 1}, {modules: up}, {method: masks}]",
      })
  void bothAccept(String yaml) throws IOException {
    assertThat(schemaAccepts(yaml)).as("schema").isTrue();
    assertThat(readerAccepts(yaml)).as("reader").isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{}",
        "wanda",
        "null",
        "stages: []",
        "stages: {}",
        "{stages: [{}], version: 1}",
        "stage: [{}]",
        "[wanda]",
        "[[]]",
        "[null]",
        "- {sparsity: 0.5, pattern: 2:4}",
        "- {sparsity: 1}",
        "- {sparsity: -0.1}",
        "- {pattern: 2-4}",
        "- {pattern: '1234567:12345678'}",
        "- {scope: row}",
        "- {scope: row, method: magnitude}",
        "- {method: wanda-variant, pattern: 2:4}",
        "- {method: masks, update: alps}",
        "- {method: masks, update: realign}",
        "- {method: masks, update: tune}",
        "- {method: sparsegpt, refine: swaps}",
        "- {refine-swaps: 4}",
        "- {refine: swaps, refine-swaps: 0}",
        "- {refine: swaps, refine-swaps: 1.5}",
        "- {refine: swaps, refine-swaps: 2147483648}",
        "- {allocation: atp, pattern: 2:4}",
        "- {allocation: shares.json, pattern: 2:4}",
        "- {allocation: owl, method: masks}",
        "- {allocation: shares.txt}",
        "- {Modules: up}",
        "[{sparsity: 0.5}, {structure: blocks, remove: 1}]",
        "[{structure: blocks, remove: 1}, {structure: heads, remove: 1}]",
        "- {structure: layers}",
        "- {structure: blocks, score: reap}",
        "- {structure: experts, score: loss}",
        "- {structure: heads, score: drop}",
        "- {structure: blocks, sparsity: 0.5, remove: 1}",
        "- {structure: channels, remove: 1, multiple: 8}",
        "- {structure: heads, multiple: 8}",
        "- {structure: auto, remove: 1}",
        "- {structure: auto, score: greedy}",
        "- {structure: blocks, modules: up}",
        "- {structure: blocks, method: wanda}",
        "- {structure: blocks, pattern: 2:4}",
        "- {structure: blocks, allocation: uniform}",
        "- {structure: blocks, update: alps}",
        "- {structure: blocks, remove: 0}",
        "- {structure: channels, multiple: 1.5}",
        "- {remove: 1}",
        "- {score: reap}",
        "- {multiple: 8}",
      })
  void bothRefuse(String yaml) throws IOException {
    assertThat(schemaAccepts(yaml)).as("schema").isFalse();
    assertThat(readerAccepts(yaml)).as("reader").isFalse();
  }

  /** Every key with every kind of value that is none of its own. */
  static Stream<String> valuesOfOtherKinds() {
    List<String> stages = new ArrayList<>();
    for (String key : StageReader.KEYS) {
      for (String value : List.of("true", "null", "[a]", "{a: b}", "7", "'7'", "x", "''")) {
        boolean any = key.equals("modules") && value.matches("x|'.*'");
        boolean swaps = key.equals("refine-swaps") && value.equals("7");
        String stage =
            "- {%s: %s%s}".formatted(key, value, key.equals("scope") ? ", method: ria" : "");
        if (!any && !swaps) {
          stages.add(key.equals("refine-swaps") ? stage.replace("}", ", refine: swaps}") : stage);
        }
      }
    }
    return stages.stream();
  }

  @ParameterizedTest
  @MethodSource("valuesOfOtherKinds")
  void bothRefuseValuesOfOtherKinds(String yaml) throws IOException {
    assertThat(schemaAccepts(yaml)).as("schema").isFalse();
    assertThat(readerAccepts(yaml)).as("reader").isFalse();
  }

  /** What a schema can't say. */
  @ParameterizedTest
  @ValueSource(strings = {"- {pattern: 4:4}", "- {pattern: 0:4}", "- {modules: (}"})
  void onlyTheReaderRefuses(String yaml) throws IOException {
    assertThat(schemaAccepts(yaml)).isTrue();
    assertThat(readerAccepts(yaml)).isFalse();
  }

  @Test
  void bothKnowTheSameNames() {
    JsonNode keys = SCHEMA.at("/$defs/stage/properties");
    assertThat(keys.fieldNames()).toIterable().containsExactlyElementsOf(StageReader.KEYS);
    for (MethodKey key : MethodKey.values()) {
      JsonNode schema = keys.get(key.label());
      assertThat(schema.has("const") ? List.of(schema.get("const").asText()) : words(schema))
          .as(key.label())
          .isEqualTo(key.words());
      assertThat(schema.path("default").asText())
          .isEqualTo(key.otherwise() == null ? "" : MethodKey.written(key.otherwise()).toString());
      assertThat(schema.path("type").asText(key.words().isEmpty() ? "" : "string"))
          .isEqualTo(TYPES.get(key.type()));
    }
    assertThat(words(keys.at("/allocation/anyOf/0"))).isEqualTo(Allocation.Rule.labels());
    assertThat(words(keys.get("structure")))
        .isEqualTo(Stream.of(Structure.values()).map(Structure::label).toList());
    assertThat(words(keys.get("score")))
        .isEqualTo(
            Stream.of(Structure.EXPERTS, Structure.BLOCKS, Structure.HEADS)
                .flatMap(structure -> structure.scores().stream())
                .toList());
  }

  private static List<String> words(JsonNode schema) {
    return schema.path("enum").valueStream().map(JsonNode::asText).toList();
  }
}
