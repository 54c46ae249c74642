package io.github.wandacuda.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.backend.cpu.ScalarCpu;
import io.github.wandacuda.calibration.Perplexity;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.PositionTable;
import io.github.wandacuda.model.Rotary;
import io.github.wandacuda.testing.TestData;
import io.github.wandacuda.testing.Tier;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Families that JSON files describe: the page's one runs as ours, the published schema is that of
 * the records, and what is wrong is named with its line.
 */
class FamilyFileTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Path PAGE = Path.of("src/site/markdown/families.md");
  private static final Path SCHEMA =
      Path.of("src/main/resources/io/github/wandacuda/model/family.schema.json");
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

  private static String page() throws IOException {
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

  @Test
  void thePublishedSchemaIsThatOfTheRecords() throws IOException {
    String schema =
        JSON.writerWithDefaultPrettyPrinter()
                .writeValueAsString(new Schema(JSON.readTree(SCHEMA.toFile())).whole())
            + "\n";
    if (Boolean.getBoolean("schema.write")) {
      Files.writeString(SCHEMA, schema);
    }
    assertThat(Files.readString(SCHEMA)).as("written anew with -Dschema.write").isEqualTo(schema);
    try (InputStream in =
        FamilyFile.class.getResourceAsStream("/io/github/wandacuda/model/family.schema.json")) {
      JsonSchema validator =
          JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
              .getSchema(JSON.readTree(in));
      assertThat(validator.validate(JSON.readTree(page()))).isEmpty();
      String next = Files.readString(Path.of("src/test/resources/families/qwen3_next.json"));
      assertThat(validator.validate(JSON.readTree(next))).isEmpty();
      for (String wrong : List.of("\"embeding\":", "\"embedding\": 1, \"more\":")) {
        JsonNode found = JSON.readTree(page().replace("\"embedding\":", wrong));
        assertThat(validator.validate(found)).as(wrong).isNotEmpty();
      }
    }
  }

  /**
   * Makes the schema of the records that a file's objects become; what is required, and what holds
   * otherwise, is as the published one has it.
   */
  private static final class Schema {
    private final ObjectNode definitions = JSON.createObjectNode();
    private final JsonNode published;

    Schema(JsonNode published) {
      this.published = published;
    }

    ObjectNode whole() {
      ObjectNode schema = JSON.createObjectNode();
      schema.put("$schema", "https://json-schema.org/draft/2020-12/schema");
      schema.put(
          "$id",
          "https://github.com/wandacuda/wanda-cuda/raw/main/"
              + SCHEMA.toString().replace('\\', '/'));
      schema.put("title", "A family of decoders for wanda-cuda's --family");
      schema.setAll((ObjectNode) of(DecoderDescription.class));
      schema.set("$defs", definitions);
      return schema;
    }

    private JsonNode of(Type type) {
      if (type instanceof ParameterizedType generic) {
        Type inner = generic.getActualTypeArguments()[0];
        if (generic.getRawType() == List.class || inner == BlockDescription.class) {
          ObjectNode list = JSON.createObjectNode().put("type", "array");
          list.set("items", of(inner));
          return generic.getRawType() == List.class ? list : any(of(inner), list);
        }
        return of(inner);
      }
      Class<?> raw = (Class<?>) type;
      if (raw == int.class || raw == float.class) {
        return types("number", "string");
      }
      if (raw == boolean.class) {
        return types("boolean", "string");
      }
      if (raw == String.class) {
        return JSON.createObjectNode().put("type", "string");
      }
      if (raw == Rotary.class) {
        return of(FamilyFile.RotaryWords.class);
      }
      if (raw == Activation.class) {
        return words(new TreeSet<>(Activations.NAMES.keySet()));
      }
      if (raw.isEnum()) {
        return words(
            List.of(raw.getEnumConstants()).stream()
                .map(constant -> constant.toString().toLowerCase(Locale.ROOT))
                .toList());
      }
      if (!definitions.has(raw.getSimpleName())) {
        definitions.putObject(raw.getSimpleName());
        definitions.set(raw.getSimpleName(), raw.isSealed() ? kinds(raw) : object(raw, null));
      }
      return JSON.createObjectNode().put("$ref", "#/$defs/" + raw.getSimpleName());
    }

    private JsonNode kinds(Class<?> type) {
      ArrayNode kinds = JSON.createArrayNode();
      if (type == Elementwise.class) {
        kinds.add(of(Activation.class));
      }
      FamilyFile.kinds(type).forEach((name, kind) -> kinds.add(object(kind, name)));
      return JSON.createObjectNode().set("anyOf", kinds);
    }

    /**
     * Returns what the published schema says of a record, of which the tests see what is needed.
     */
    private JsonNode said(Class<?> type, String kind) {
      return kind == null
          ? published.at("/$defs/" + type.getSimpleName())
          : published
              .path("$defs")
              .valueStream()
              .flatMap(each -> each.path("anyOf").valueStream())
              .filter(each -> each.at("/properties/kind/const").asText().equals(kind))
              .findFirst()
              .orElse(MissingNode.getInstance());
    }

    private ObjectNode object(Class<?> type, String kind) {
      ObjectNode properties = JSON.createObjectNode();
      ArrayNode required = JSON.createArrayNode();
      JsonNode said = said(type, kind);
      for (RecordComponent each : type.getRecordComponents()) {
        String name = each.getName();
        if (each.getType() == PositionTable.class || name.equals("queryFactor")) {
          continue; // No file can say it.
        }
        ObjectNode property = (ObjectNode) of(each.getGenericType());
        JsonNode atLeast = said.at("/properties/" + name + "/minItems");
        if (!atLeast.isMissingNode()) {
          property.set("minItems", atLeast);
        }
        JsonNode otherwise = said.at("/properties/" + name + "/default");
        properties.set(
            name, otherwise.isMissingNode() ? property : property.set("default", otherwise));
        boolean needed =
            said.path("required").valueStream().anyMatch(key -> key.asText().equals(name));
        assertThat(needed && !otherwise.isMissingNode()).as(name).isFalse();
        if (needed || (each.getType().isPrimitive() && otherwise.isMissingNode())) {
          required.add(name);
        }
      }
      if (kind != null) {
        properties.putObject("kind").put("const", kind);
      }
      if (type == BlockDescription.class) {
        properties.set("where", of(FamilyFile.Where.class));
      }
      ObjectNode object = JSON.createObjectNode().put("type", "object");
      object.set("properties", properties);
      object.set("required", required);
      return object.put("additionalProperties", false);
    }

    private static ObjectNode types(String... names) {
      ObjectNode node = JSON.createObjectNode();
      ArrayNode types = node.putArray("type");
      List.of(names).forEach(types::add);
      return node;
    }

    private static ObjectNode words(Iterable<String> names) {
      ObjectNode node = JSON.createObjectNode();
      ArrayNode words = node.putArray("enum");
      names.forEach(words::add);
      return node;
    }

    private static ObjectNode any(JsonNode... nodes) {
      ObjectNode node = JSON.createObjectNode();
      ArrayNode all = node.putArray("anyOf");
      List.of(nodes).forEach(all::add);
      return node;
    }
  }
}
