package io.github.wandacuda.model.family;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.IntNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import io.github.wandacuda.forward.Activation;
import io.github.wandacuda.forward.Elementwise;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.PositionTable;
import io.github.wandacuda.model.Rotary;
import java.io.IOException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * The schema of families' files is that of the records that they become. It is apart from {@link
 * FamilyFileTest}, whose tests read the schema that the build has copied: what {@code
 * -Dschema.write} has written is there from the next build on.
 */
class FamilySchemaTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final Path SCHEMA =
      Path.of("src/main/resources/io/github/wandacuda/model/family.schema.json");

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
  }

  @Test
  void thePublishedSchemaTakesFamiliesAndRefusesUnknownKeys() throws IOException {
    JsonSchema validator =
        JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012)
            .getSchema(JSON.readTree(SCHEMA.toFile()));
    String page = FamilyFileTest.page();
    assertThat(validator.validate(JSON.readTree(page))).isEmpty();
    String next = Files.readString(Path.of("src/test/resources/families/qwen3_next.json"));
    assertThat(validator.validate(JSON.readTree(next))).isEmpty();
    for (String wrong : List.of("\"embeding\":", "\"embedding\": 1, \"more\":")) {
      JsonNode found = JSON.readTree(page.replace("\"embedding\":", wrong));
      assertThat(validator.validate(found)).as(wrong).isNotEmpty();
    }
  }

  /**
   * Makes the schema of the records that a file's objects become. What is required, and what holds
   * otherwise, is as the published one has it. It doesn't have what is new: all of a new record is
   * required, and a new component of a known one isn't, since the families that are described
   * already don't say it; 0 or false holds then, or null.
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
        JsonNode otherwise =
            said.path("properties").has(name)
                ? said.at("/properties/" + name + "/default")
                : otherwise(said, each.getType());
        properties.set(
            name, otherwise.isMissingNode() ? property : property.set("default", otherwise));
        boolean needed =
            said.isMissingNode()
                || said.path("required").valueStream().anyMatch(key -> key.asText().equals(name));
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

    /** Returns what holds for a component that is new, where a file doesn't say it. */
    private static JsonNode otherwise(JsonNode said, Class<?> type) {
      return said.isMissingNode() || !type.isPrimitive()
          ? MissingNode.getInstance()
          : type == boolean.class ? BooleanNode.FALSE : IntNode.valueOf(0);
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
