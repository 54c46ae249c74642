package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.pruning.MethodKey;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Predicate;

/** Writes and reads a {@link Provenance} as JSON. A null value is left out. */
final class ProvenanceJson {
  private static final String FILES = "files";
  private static final String SHARES = "sparsity_by_module";

  private final JsonNode root;

  private ProvenanceJson(JsonNode root) {
    this.root = root;
  }

  /** Returns the text. */
  static String write(Provenance provenance) {
    Map<String, Object> object = planned(provenance);
    object.put("elements", provenance.elements());
    object.put("pruned", provenance.pruned());
    object.put("zeros", provenance.zeros());
    object.put("mask_sha256", provenance.maskSha256());
    object.put("kept", provenance.kept());
    object.values().removeIf(value -> value == null);
    return JsonText.of(object);
  }

  /** Returns the values that the result depends on, by their keys in the file. */
  static Map<String, Object> cause(Provenance provenance) {
    Map<String, Object> object = planned(provenance);
    object.remove(FILES);
    return object;
  }

  /** Returns the same values without what is said of the file itself and of each module. */
  static Map<String, Object> origin(Provenance provenance) {
    Map<String, Object> object = cause(provenance);
    List.of("format", "version", SHARES, "modules").forEach(object::remove);
    return object;
  }

  private static Map<String, Object> planned(Provenance provenance) {
    Map<String, Object> object = new LinkedHashMap<>();
    object.put("format", provenance.format());
    object.put("version", provenance.version());
    object.put("mode", provenance.mode());
    if (provenance.done() != null) {
      object.putAll(provenance.done());
    }
    object.put("stages", stages(provenance));
    object.put("allocation", provenance.allocation());
    object.put(SHARES, provenance.shares());
    object.put("masks_sha256", provenance.masksSha256());
    object.put("include", provenance.include());
    object.put("exclude", provenance.exclude());
    object.put("unreached", provenance.unreached());
    object.put(FILES, provenance.files());
    object.put("samples", provenance.samples());
    object.put("sequence_length", provenance.sequenceLength());
    object.put("seed", provenance.seed());
    object.put("join", provenance.join());
    object.put("calibration_sha256", provenance.calibrationSha256());
    object.put("statistics_sha256", provenance.statisticsSha256());
    object.put("source_sha256", provenance.sourceSha256());
    object.put("modules", provenance.modules());
    object.values().removeIf(value -> value == null);
    return object;
  }

  /**
   * Reads a JSON tree.
   *
   * @throws InputException if it isn't an object, or a value has the wrong type; the message
   *     doesn't name the file
   */
  static Provenance read(JsonNode root) {
    if (!root.isObject()) {
      throw new InputException("expected a JSON object");
    }
    ProvenanceJson json = new ProvenanceJson(root);
    return new Provenance(
        json.text("format"),
        json.text("version"),
        json.text("mode"),
        root.has("stages") ? null : json.done(),
        json.stages(),
        json.text("allocation"),
        json.shares(),
        json.text("masks_sha256"),
        json.texts("include"),
        json.texts("exclude"),
        json.text("unreached"),
        json.files(),
        json.integer("samples"),
        json.integer("sequence_length"),
        json.whole("seed"),
        json.value("join", "true", JsonNode::isBoolean, JsonNode::booleanValue),
        json.text("calibration_sha256"),
        json.text("statistics_sha256"),
        json.text("source_sha256"),
        json.texts("modules"),
        json.count("elements"),
        json.count("pruned"),
        json.count("zeros"),
        json.text("mask_sha256"),
        json.texts("kept"));
  }

  private static List<Map<String, Object>> stages(Provenance provenance) {
    if (provenance.stages() == null) {
      return null;
    }
    List<Map<String, Object>> stages = new ArrayList<>();
    for (RulesRecord.StageRecord stage : provenance.stages()) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("modules", stage.modules());
      object.putAll(stage.done());
      stages.add(object);
    }
    return stages;
  }

  private Map<String, Object> done() {
    Map<String, Object> done = new LinkedHashMap<>();
    for (MethodKey each : MethodKey.values()) {
      String key = each.recordKey();
      Object value =
          each.type() == String.class
              ? text(key)
              : each.type() == Double.class ? (Object) number(key) : integer(key);
      if (value != null) {
        done.put(key, value);
      }
    }
    return done;
  }

  private List<RulesRecord.StageRecord> stages() {
    return value(
        "stages",
        "a list of objects",
        node -> areAll(node, JsonNode::isObject),
        node -> {
          List<RulesRecord.StageRecord> stages = new ArrayList<>();
          for (JsonNode each : node) {
            ProvenanceJson stage = new ProvenanceJson(each);
            stages.add(new RulesRecord.StageRecord(stage.text("modules"), stage.done()));
          }
          return stages;
        });
  }

  private Map<String, Double> shares() {
    return value(
        SHARES,
        "an object of numbers",
        node -> node.isObject() && areAll(node, JsonNode::isNumber),
        node -> map(node, JsonNode::doubleValue));
  }

  private Map<String, String> files() {
    return value(
        FILES,
        "an object of strings",
        node -> node.isObject() && areAll(node, JsonNode::isTextual),
        node -> map(node, JsonNode::textValue));
  }

  private static <T> Map<String, T> map(JsonNode object, Function<JsonNode, T> value) {
    Map<String, T> map = new LinkedHashMap<>();
    object.properties().forEach(entry -> map.put(entry.getKey(), value.apply(entry.getValue())));
    return map;
  }

  private String text(String key) {
    return value(key, "a string", JsonNode::isTextual, JsonNode::textValue);
  }

  private Double number(String key) {
    return value(key, "a number", JsonNode::isNumber, JsonNode::doubleValue);
  }

  private Integer integer(String key) {
    return value(
        key,
        "a 32-bit integer",
        node -> isInteger(node) && node.canConvertToInt(),
        JsonNode::intValue);
  }

  private Long whole(String key) {
    return value(key, "an integer", ProvenanceJson::isInteger, JsonNode::longValue);
  }

  private long count(String key) {
    return Objects.requireNonNullElse(whole(key), 0L);
  }

  private static boolean isInteger(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToLong();
  }

  private List<String> texts(String key) {
    return value(
        key,
        "a list of strings",
        node -> node.isArray() && areAll(node, JsonNode::isTextual),
        node -> {
          List<String> texts = new ArrayList<>();
          node.forEach(text -> texts.add(text.textValue()));
          return texts;
        });
  }

  private static boolean areAll(JsonNode node, Predicate<JsonNode> isSo) {
    for (JsonNode element : node) {
      if (!isSo.test(element)) {
        return false;
      }
    }
    return node.isContainerNode();
  }

  /** Returns a value, or null if it isn't given. */
  private <T> T value(
      String key, String expected, Predicate<JsonNode> isSo, Function<JsonNode, T> read) {
    JsonNode value = root.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return null;
    }
    if (!isSo.test(value)) {
      throw ErrorDetails.of(key).wrong(expected, Printable.of(value.toString()));
    }
    return read.apply(value);
  }
}
