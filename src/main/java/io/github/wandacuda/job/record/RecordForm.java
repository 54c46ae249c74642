package io.github.wandacuda.job.record;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.pruning.recipe.MethodKey;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The form of {@code wanda-cuda.json}: which keys it has, in their order, what each holds, and
 * which of them contradict each other.
 */
final class RecordForm {
  static final List<String> METHOD_KEYS =
      Stream.of(MethodKey.values()).map(MethodKey::recordKey).toList();
  private static final Map<String, Form> FORMS = forms();

  static final Set<String> KEYS = FORMS.keySet();

  /** What the record of a run that removed whole parts alone has. */
  private static final List<String> OF_PARTS =
      List.of(
          Provenance.STRUCTURE,
          Provenance.SCORE,
          Provenance.REMOVED,
          Provenance.CONFIG,
          Provenance.FITTED,
          Provenance.SHARD_SIZE,
          "recipe_sha256");

  /** What the record of a run that pruned weights alone has; both may have an update. */
  private static final List<String> OF_WEIGHTS =
      Stream.concat(
              METHOD_KEYS.stream().filter(key -> !key.equals(MethodKey.UPDATE.recordKey())),
              Stream.of(
                  Provenance.SMALLER,
                  RulesRecord.STAGES,
                  RulesRecord.SHARES,
                  "allocation",
                  "masks_sha256",
                  "include",
                  "exclude",
                  "unreached",
                  Provenance.MODULES,
                  Provenance.ELEMENTS,
                  Provenance.PRUNED,
                  Provenance.ZEROS,
                  Provenance.MASKS,
                  Provenance.KEPT))
          .toList();

  private static final Set<String> STAGE_KEYS =
      Stream.concat(METHOD_KEYS.stream(), Stream.of(Provenance.MODULES))
          .collect(Collectors.toUnmodifiableSet());

  private RecordForm() {}

  /** Returns values in the file's order, without those that are null. */
  static Map<String, Object> ordered(Map<String, Object> values) {
    Map<String, Object> ordered = new LinkedHashMap<>();
    for (String key : KEYS) {
      if (values.get(key) != null) {
        ordered.put(key, values.get(key));
      }
    }
    return Collections.unmodifiableMap(ordered);
  }

  /**
   * Returns values with the digests of tensors whose weights were fitted, unless there are none.
   */
  static Map<String, Object> withFitted(Map<String, Object> values, Map<String, String> digests) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put(Provenance.FITTED_SHA256, digests.isEmpty() ? null : digests);
    return all;
  }

  /** Returns what the file's keys hold, in their order. */
  private static Map<String, Form> forms() {
    Map<String, Form> forms = new LinkedHashMap<>();
    add(forms, Form.TEXT, "format", "version", "mode");
    for (MethodKey key : MethodKey.values()) {
      add(forms, Form.of(key), key.recordKey());
    }
    // In place of those keys, how a smaller model was made: what was removed by what score, by
    // block or the blocks themselves; the values that its config has; and the bytes of a shard at
    // most.
    add(forms, Form.TEXT, Provenance.STRUCTURE, Provenance.SCORE);
    add(forms, Form.PARTS, Provenance.REMOVED);
    add(forms, Form.VALUES, Provenance.CONFIG);
    // The tensors that were fitted to what is left, whose bytes nothing proves.
    add(forms, Form.TEXTS, Provenance.FITTED);
    add(forms, Form.WHOLE, Provenance.SHARD_SIZE);
    // Where weights of what is left were pruned, how it was made.
    add(forms, Form.RECORD, Provenance.SMALLER);
    // In place of those keys, the stages of a recipe.
    add(forms, Form.STAGES, RulesRecord.STAGES);
    // How the total was shared out, and each module's share.
    add(forms, Form.TEXT, "allocation");
    add(forms, Form.NUMBERS, RulesRecord.SHARES);
    // The SHA-256 of the files that masks were taken from, of the file that describes the family,
    // and
    // of the recipe by which parts were removed.
    add(forms, Form.TEXT, "masks_sha256", "family_sha256", "recipe_sha256");
    add(forms, Form.TEXTS, "include", "exclude");
    // What is done to modules that no calibration sample reached; only methods with norms have it.
    add(forms, Form.TEXT, "unreached");
    // Whether the output's README.md says what was done, and the source's has another name.
    add(forms, Form.FLAG, Provenance.CARD);
    // The names of the files that were read, without folders, by what they are.
    add(forms, Form.NAMES, Provenance.FILES);
    // Of a calibrated run; join says that samples were drawn from documents that were joined.
    add(forms, Form.INTEGER, "samples", "sequence_length");
    add(forms, Form.WHOLE, "seed");
    add(forms, Form.FLAG, "join");
    // Of the samples' token ids as little-endian 32-bit integers, of the statistics file, and of
    // the source, see SourceDigest.
    add(forms, Form.TEXT, "calibration_sha256", "statistics_sha256", "source_sha256");
    // The pruned modules, their weights, and how many of these the masks prune and are zero.
    add(forms, Form.TEXTS, Provenance.MODULES);
    add(forms, Form.WHOLE, Provenance.ELEMENTS, Provenance.PRUNED, Provenance.ZEROS);
    // Of the packed masks.
    add(forms, Form.TEXT, Provenance.MASKS);
    // The names of the modules that no sample reached and that stayed as they were, if any did.
    add(forms, Form.TEXTS, Provenance.KEPT);
    // Of each tensor whose weights were fitted, by its name.
    add(forms, Form.NAMES, Provenance.FITTED_SHA256);
    return forms;
  }

  private static void add(Map<String, Form> forms, Form form, String... keys) {
    List.of(keys).forEach(key -> forms.put(key, form));
  }

  /**
   * Reads the file's object, whose keys and types of values it checks.
   *
   * @throws InputException for what doesn't fit; the caller adds the name of the file
   */
  public static Map<String, Object> read(JsonNode root) {
    if (!root.isObject()) {
      throw new InputException(ErrorDetails.NOWHERE.said("expected a JSON object"));
    }
    requireKnown(root, KEYS);
    Map<String, Object> values = new LinkedHashMap<>();
    FORMS.forEach((key, form) -> form.read(root, key, values));
    if (Provenance.STRUCTURE.equals(values.get("mode"))) {
      requireNone(values, OF_WEIGHTS, "mode structure");
    } else {
      requireNone(values, OF_PARTS, "a mode other than structure");
    }
    if (values.containsKey(RulesRecord.STAGES)) {
      requireNone(values, METHOD_KEYS, RulesRecord.STAGES);
    }
    return values;
  }

  /** Refuses keys that no version has written: nothing that they say is checked. */
  private static void requireKnown(JsonNode object, Collection<String> known) {
    for (Map.Entry<String, JsonNode> entry : object.properties()) {
      if (!known.contains(entry.getKey())) {
        throw ErrorDetails.of(Printable.of(entry.getKey()))
            .wrong("no such key in a record", Printable.of(entry.getValue().toString()));
      }
    }
  }

  /** Refuses keys that contradict another one. */
  private static void requireNone(
      Map<String, Object> values, List<String> keys, String contradicted) {
    for (String key : keys) {
      if (values.containsKey(key)) {
        throw ErrorDetails.of(key)
            .wrong("nothing with " + contradicted, Printable.of(String.valueOf(values.get(key))));
      }
    }
  }

  /** What a value is in the file. */
  private enum Form {
    TEXT("a string", JsonNode::isTextual, JsonNode::textValue),
    NUMBER("a number", JsonNode::isNumber, JsonNode::doubleValue),
    INTEGER(
        "a 32-bit integer", node -> isInteger(node) && node.canConvertToInt(), JsonNode::intValue),
    WHOLE("an integer", Form::isInteger, JsonNode::longValue),
    FLAG("true", JsonNode::isBoolean, JsonNode::booleanValue),
    TEXTS(
        "a list of strings",
        node -> node.isArray() && areAll(node, JsonNode::isTextual),
        node -> list(node, JsonNode::textValue)),
    NAMES(
        "an object of strings",
        node -> node.isObject() && areAll(node, JsonNode::isTextual),
        node -> map(node, JsonNode::textValue)),
    NUMBERS(
        "an object of numbers",
        node -> node.isObject() && areAll(node, JsonNode::isNumber),
        node -> map(node, JsonNode::doubleValue)),
    VALUES("an object", JsonNode::isObject, JsonTree::map),
    RECORD("an object", JsonNode::isObject, RecordForm::read),
    PARTS(
        "a list of 32-bit integers, or an object of such lists, or of such objects",
        node -> areIntegers(node) || (node.isObject() && areAll(node, Form::areParts)),
        JsonTree::plain),
    STAGES(
        "a list of objects",
        node -> areAll(node, JsonNode::isObject),
        node -> list(node, Form::stage));

    private final String expected;
    private final Predicate<JsonNode> isSo;
    private final Function<JsonNode, Object> reader;

    Form(String expected, Predicate<JsonNode> isSo, Function<JsonNode, Object> reader) {
      this.expected = expected;
      this.isSo = isSo;
      this.reader = reader;
    }

    static Form of(MethodKey key) {
      return Map.of(String.class, TEXT, Double.class, NUMBER, Integer.class, INTEGER)
          .get(key.type());
    }

    /** Reads a value, if it is given; the message for a wrong one doesn't name the file. */
    public void read(JsonNode root, String key, Map<String, Object> into) {
      JsonNode value = root.path(key);
      if (value.isMissingNode() || value.isNull()) {
        return;
      }
      if (!isSo.test(value)) {
        throw ErrorDetails.of(key).wrong(expected, Printable.of(value.toString()));
      }
      into.put(key, reader.apply(value));
    }

    private static Map<String, Object> stage(JsonNode object) {
      requireKnown(object, STAGE_KEYS);
      Map<String, Object> stage = new LinkedHashMap<>();
      TEXT.read(object, Provenance.MODULES, stage);
      for (MethodKey key : MethodKey.values()) {
        of(key).read(object, key.recordKey(), stage);
      }
      return stage;
    }

    private static boolean isInteger(JsonNode node) {
      return node.isIntegralNumber() && node.canConvertToLong();
    }

    private static boolean areIntegers(JsonNode node) {
      return node.isArray() && areAll(node, INTEGER.isSo);
    }

    private static boolean areParts(JsonNode node) {
      return areIntegers(node) || (node.isObject() && areAll(node, Form::areIntegers));
    }

    private static boolean areAll(JsonNode node, Predicate<JsonNode> isSo) {
      return node.isContainerNode() && node.valueStream().allMatch(isSo);
    }

    private static <T> List<T> list(JsonNode node, Function<JsonNode, T> value) {
      return node.valueStream().map(value).toList();
    }

    private static <T> Map<String, T> map(JsonNode object, Function<JsonNode, T> value) {
      Map<String, T> map = new LinkedHashMap<>();
      object.properties().forEach(entry -> map.put(entry.getKey(), value.apply(entry.getValue())));
      return map;
    }
  }
}
