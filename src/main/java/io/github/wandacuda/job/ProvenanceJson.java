package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
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
      object.putAll(provenance.done().values());
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
        json.seed(),
        json.join(),
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
      object.putAll(stage.done().values());
      stages.add(object);
    }
    return stages;
  }

  private MethodRecord done() {
    return new MethodRecord(
        text("method"),
        text("scope"),
        number("sparsity"),
        text("pattern"),
        text("refine"),
        integer("refine_swaps"),
        text("update"));
  }

  private List<RulesRecord.StageRecord> stages() {
    if (!isGiven("stages", "a list of objects", node -> areAll(node, JsonNode::isObject))) {
      return null;
    }
    List<RulesRecord.StageRecord> stages = new ArrayList<>();
    for (JsonNode node : root.get("stages")) {
      ProvenanceJson stage = new ProvenanceJson(node);
      stages.add(new RulesRecord.StageRecord(stage.text("modules"), stage.done()));
    }
    return stages;
  }

  private Map<String, Double> shares() {
    if (!isGiven(
        SHARES,
        "an object of numbers",
        node -> node.isObject() && areAll(node, JsonNode::isNumber))) {
      return null;
    }
    Map<String, Double> shares = new LinkedHashMap<>();
    root.get(SHARES)
        .properties()
        .forEach(share -> shares.put(share.getKey(), share.getValue().doubleValue()));
    return shares;
  }

  private Map<String, String> files() {
    if (!isGiven(
        FILES,
        "an object of strings",
        node -> node.isObject() && areAll(node, JsonNode::isTextual))) {
      return null;
    }
    Map<String, String> files = new LinkedHashMap<>();
    root.get(FILES)
        .properties()
        .forEach(file -> files.put(file.getKey(), file.getValue().textValue()));
    return files;
  }

  private String text(String key) {
    return isGiven(key, "a string", JsonNode::isTextual) ? root.get(key).textValue() : null;
  }

  private Double number(String key) {
    return isGiven(key, "a number", JsonNode::isNumber) ? root.get(key).doubleValue() : null;
  }

  private Integer integer(String key) {
    boolean given =
        isGiven(key, "a 32-bit integer", node -> isInteger(node) && node.canConvertToInt());
    return given ? root.get(key).intValue() : null;
  }

  private Long seed() {
    return isGiven("seed", "an integer", ProvenanceJson::isInteger)
        ? root.get("seed").longValue()
        : null;
  }

  private Boolean join() {
    return isGiven("join", "true", JsonNode::isBoolean) ? root.get("join").booleanValue() : null;
  }

  private long count(String key) {
    return isGiven(key, "an integer", ProvenanceJson::isInteger) ? root.get(key).longValue() : 0;
  }

  private static boolean isInteger(JsonNode node) {
    return node.isIntegralNumber() && node.canConvertToLong();
  }

  private List<String> texts(String key) {
    if (!isGiven(
        key, "a list of strings", node -> node.isArray() && areAll(node, JsonNode::isTextual))) {
      return null;
    }
    List<String> texts = new ArrayList<>();
    root.get(key).forEach(text -> texts.add(text.textValue()));
    return texts;
  }

  private static boolean areAll(JsonNode node, Predicate<JsonNode> isSo) {
    for (JsonNode element : node) {
      if (!isSo.test(element)) {
        return false;
      }
    }
    return node.isContainerNode();
  }

  private boolean isGiven(String key, String expected, Predicate<JsonNode> isSo) {
    JsonNode value = root.path(key);
    if (value.isMissingNode() || value.isNull()) {
      return false;
    }
    if (!isSo.test(value)) {
      throw new InputException(
          ErrorDetails.of(key).expected(expected, Printable.of(value.toString())));
    }
    return true;
  }
}
