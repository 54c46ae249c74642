package io.github.wandacuda.job.record;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.ThisRuntime;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The content of {@code wanda-cuda.json}: how a pruned directory was made. Two equal runs write the
 * same bytes, so it holds no time, path, host or backend.
 *
 * @param values by the keys in the file, in their order; what is null is left out
 */
public record Provenance(Map<String, Object> values) implements Serializable {
  public static final String FILE_NAME = SideFiles.MANIFEST;

  public static final String FORMAT = "wanda-cuda.provenance.v1";

  /** The mode of a run that keeps the bits of every kept weight. */
  public static final String MASK = "mask";

  /** The mode of a run that changes kept weights too. */
  public static final String UPDATE = "update";

  /** The mode of a run that removes whole parts and keeps the bits of all others. */
  public static final String STRUCTURE = "structure";

  public static final String SCORE = "score";
  public static final String REMOVED = "removed";
  public static final String CONFIG = "config";

  /** Tensors whose weights are fitted to what is left of a module; see {@link #STRUCTURE}. */
  public static final String FITTED = "fitted";

  /** The SHA-256 of each tensor whose weights were fitted, as it stands in the output. */
  public static final String FITTED_SHA256 = "fitted_sha256";

  public static final String SHARD_SIZE = "shard_size";

  /** The record of the run that removed parts, of whose smaller model weights were pruned then. */
  public static final String SMALLER = "smaller";

  public static final String FILES = "files";
  public static final String CARD = "card";

  /** Of the files that a run reads beside the model, the one that describes its family. */
  public static final String FAMILY = "family";

  /** Of these files, the one that says what is done. */
  public static final String RECIPE = "recipe";

  static final String MODULES = RulesRecord.MODULES;
  static final String ELEMENTS = "elements";
  static final String PRUNED = "pruned";
  static final String ZEROS = "zeros";
  public static final String MASKS = "mask_sha256";
  static final String KEPT = "kept";

  /** What is known of scores or norms, which nothing in the result shows. */
  private static final List<String> ORIGIN =
      List.of(
          "samples", "sequence_length", "seed", "join", "calibration_sha256", "statistics_sha256");

  public Provenance {
    Map<String, Object> ordered = new LinkedHashMap<>();
    for (String key : ProvenanceJson.KEYS) {
      if (values.get(key) != null) {
        ordered.put(key, values.get(key));
      }
    }
    values = Collections.unmodifiableMap(ordered);
  }

  public static Provenance planned(
      PruneRequest request, List<LinearModule> modules, String source) {
    PruningRules rules = request.rules();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("format", FORMAT);
    values.put("version", ThisRuntime.programVersion());
    values.put("mode", rules.update() ? UPDATE : MASK);
    values.putAll(RulesRecord.of(rules).values());
    values.put("allocation", request.allocation());
    values.put("masks_sha256", request.masks().map(in -> in.sha256().get()).orElse(null));
    values.put(SMALLER, request.smaller().map(first -> first.record().values()).orElse(null));
    values.put("family_sha256", familyDigest(request.files().get(FAMILY)));
    values.put(CARD, request.card() ? true : null);
    values.put("include", texts(request.choice().include()));
    values.put("exclude", texts(request.choice().exclude()));
    values.put("unreached", rules.needNorms() ? rules.unreached().label() : null);
    values.put(FILES, names(request.files()));
    values.putAll(calibration(request.calibration()));
    values.put("source_sha256", source);
    values.put(
        MODULES, modules.stream().map(LinearModule::name).sorted(TensorNames.NATURAL).toList());
    values.put(ELEMENTS, modules.stream().mapToLong(LinearModule::elements).sum());
    values.put(PRUNED, 0L);
    values.put(ZEROS, 0L);
    return new Provenance(values);
  }

  /** Returns the digest of the file that describes a family, or null without one. */
  public static String familyDigest(List<Path> files) {
    return digest("a description of a family", files);
  }

  /** Returns the digest of files that are read beside the model, or null without any. */
  public static String digest(String what, List<Path> files) {
    return files == null ? null : SourceDigest.ofFiles(what, files, "");
  }

  /** Returns what is known of the samples or statistics that a run takes its norms from. */
  public static Map<String, Object> calibration(Calibration calibration) {
    Map<String, Object> values = new LinkedHashMap<>();
    if (calibration instanceof Calibration.FromSamples samples) {
      values.put("samples", samples.samples().size());
      values.put("sequence_length", samples.sequenceLength());
      values.put("seed", samples.seed());
      if (samples.joined()) {
        values.put("join", true);
      }
      values.put("calibration_sha256", samples.sha256());
    }
    if (calibration instanceof Calibration.FromStatistics statistics) {
      values.put("statistics_sha256", statistics.sha256().get());
    }
    return values;
  }

  public Provenance with(List<ModuleResult> results, String masks) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put(PRUNED, results.stream().mapToLong(ModuleResult::pruned).sum());
    all.put(ZEROS, results.stream().mapToLong(ModuleResult::zeros).sum());
    all.put(MASKS, masks);
    all.put(KEPT, kept(results));
    return new Provenance(all);
  }

  /**
   * Returns the record with the digests of the tensors whose weights were fitted.
   *
   * @param digests by the tensors' names, empty where nothing was fitted
   */
  public Provenance withFitted(Map<String, String> digests) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put(FITTED_SHA256, digests.isEmpty() ? null : digests);
    return new Provenance(all);
  }

  private List<String> kept(List<ModuleResult> results) {
    if (!Unreached.KEEP.label().equals(unreached())) {
      return null;
    }
    List<String> kept = Unreached.in(results).stream().sorted(TensorNames.NATURAL).toList();
    return kept.isEmpty() ? null : kept;
  }

  /** Returns files' names without their folders, which equal runs may have elsewhere. */
  public static Map<String, String> names(Map<String, List<Path>> files) {
    Map<String, String> names = new LinkedHashMap<>();
    files.forEach(
        (what, paths) ->
            names.put(
                what,
                paths.stream()
                    .map(path -> path.getFileName().toString())
                    .collect(Collectors.joining(", "))));
    return names.isEmpty() ? null : names;
  }

  private static List<String> texts(List<Pattern> patterns) {
    return patterns.stream().map(Pattern::pattern).toList();
  }

  /**
   * Returns the values that the weights depend on. A model card is none of them: what is unfinished
   * can be ended with or without one, and what is finished stays as it is.
   */
  Map<String, Object> cause() {
    Map<String, Object> cause = new LinkedHashMap<>(values);
    List.of(FILES, CARD, ELEMENTS, PRUNED, ZEROS, MASKS, KEPT).forEach(cause::remove);
    cause.remove(FITTED);
    cause.remove(FITTED_SHA256);
    cause.computeIfPresent(SMALLER, (key, first) -> causeOf(first));
    if (isStructure()) {
      // How many channels and heads go is asked for, which of them is a result.
      structure()
          .ifPresent(kind -> cause.computeIfPresent(REMOVED, (key, all) -> removed(kind).asked()));
    }
    return cause;
  }

  @SuppressWarnings("unchecked") // Its form says so.
  private static Map<String, Object> causeOf(Object record) {
    Map<String, Object> values = new LinkedHashMap<>((Map<String, Object>) record);
    List.of(FITTED_SHA256, CARD).forEach(values::remove);
    return values;
  }

  /** Returns what the result depends on, for a report, without what is said of each module. */
  public Map<String, Object> origin() {
    Map<String, Object> origin = cause();
    List.of("format", "version", RulesRecord.SHARES, MODULES).forEach(origin::remove);
    parts().ifPresent(first -> origin.put(SMALLER, first.value(STRUCTURE)));
    return origin;
  }

  public byte[] json() {
    return (JsonText.of(values) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  public static Optional<Provenance> read(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (InputStream in = InputFile.stream(file)) {
      return Optional.of(read(in, file));
    } catch (IOException e) {
      throw InputException.unreadable(file, e);
    }
  }

  public static Provenance read(InputStream in, Path file) throws IOException {
    try {
      Provenance provenance = ProvenanceJson.read(JsonTree.read(in));
      if (!provenance.isStructure()) {
        provenance.rules();
      }
      provenance.parts().ifPresent(first -> first.structure().ifPresent(first::removed));
      return provenance;
    } catch (JsonProcessingException e) {
      throw notOurs(file, e.getOriginalMessage().lines().findFirst().get(), e);
    } catch (InputException | UsageException e) {
      throw notOurs(file, e.getMessage(), e);
    }
  }

  private static InputException notOurs(Path file, String why, Exception cause) {
    return ErrorDetails.file(file)
        .hint("take the file back from where the model was pruned, or prune again")
        .broken("not what this tool writes: " + why.replace("`", ""), cause);
  }

  /** Returns the record of the run that removed parts: this one, one before it, or nothing. */
  @SuppressWarnings("unchecked") // Its form says so.
  public Optional<Provenance> parts() {
    var before = (Map<String, Object>) value(SMALLER);
    return isStructure() ? Optional.of(this) : Optional.ofNullable(before).map(Provenance::new);
  }

  public boolean isStructure() {
    return STRUCTURE.equals(text("mode"));
  }

  /** Returns the keys of a run that removed parts that neither these nor the source prove. */
  public List<String> unproven() {
    List<String> keys = new ArrayList<>(List.of("version", SCORE, FITTED));
    keys.addAll(ORIGIN);
    keys.retainAll(values.keySet());
    return keys;
  }

  /** Returns what kind of parts a run removed; nothing if it isn't known. */
  public Optional<Structure> structure() {
    return Stream.of(Structure.values())
        .filter(known -> known.label().equals(value(STRUCTURE)))
        .findFirst();
  }

  public RemovedParts removed(Structure kind) {
    return RemovedParts.read(kind, value(REMOVED));
  }

  /** Returns what is left of a model without the parts that the record says, as it was planned. */
  public Checkpoint smaller(ModelDirectory model) {
    long shardBytes = ((Number) value(SHARD_SIZE)).longValue();
    return removed(structure().orElseThrow()).plan(model).checkpoint(shardBytes);
  }

  /** Returns the names of the tensors that a run fitted to what it left. */
  public List<String> fitted() {
    return texts(FITTED) == null ? List.of() : texts(FITTED);
  }

  /**
   * Returns the digests of the tensors whose weights were fitted, by name; none where nothing was
   * fitted, and in the record of a version that didn't write them.
   */
  @SuppressWarnings("unchecked") // Its form says so.
  public Map<String, String> fittedDigests() {
    return (Map<String, String>) values.getOrDefault(FITTED_SHA256, Map.of());
  }

  /** Returns the digests of those tensors that are among others, by name. */
  public Map<String, String> fittedDigests(Set<String> among) {
    Map<String, String> digests = new LinkedHashMap<>(fittedDigests());
    digests.keySet().retainAll(among);
    return digests;
  }

  public boolean hasCard() {
    return Boolean.TRUE.equals(values.get(CARD));
  }

  public Object value(String key) {
    return values.get(key);
  }

  private String text(String key) {
    return (String) values.get(key);
  }

  @SuppressWarnings("unchecked") // Its form says so.
  private List<String> texts(String key) {
    return (List<String>) values.get(key);
  }

  public String version() {
    return text("version");
  }

  /** Returns what is done to modules that no sample reached, or null if no norms are used. */
  public String unreached() {
    return text("unreached");
  }

  public String sourceSha256() {
    return text("source_sha256");
  }

  public List<String> modules() {
    return texts(MODULES);
  }

  public long elements() {
    return count(ELEMENTS);
  }

  public long pruned() {
    return count(PRUNED);
  }

  public long zeros() {
    return count(ZEROS);
  }

  private long count(String key) {
    return (long) values.getOrDefault(key, 0L);
  }

  public String maskSha256() {
    return text(MASKS);
  }

  /** Returns names of the unreached modules that were kept unchanged, or null if there are none. */
  public List<String> kept() {
    return texts(KEPT);
  }

  public ModuleChoice choice() {
    return new ModuleChoice(patterns("include"), patterns("exclude"));
  }

  private List<Pattern> patterns(String key) {
    List<String> texts = texts(key);
    return texts == null ? List.of() : texts.stream().map(NamePatterns::compile).toList();
  }

  public PruningRules rules() {
    if (modules() == null) {
      Map<String, Object> done = new LinkedHashMap<>(values);
      done.keySet().retainAll(ProvenanceJson.METHOD_KEYS);
      Object stages = values.get(RulesRecord.STAGES);
      throw new UsageException(
          "expected modules and one of method and stages, found %s, %s, %s"
              .formatted(null, stages == null ? done : null, stages));
    }
    return new RulesRecord(values)
        .rules(
            kept() == null ? Unreached.MAGNITUDE : Unreached.KEEP,
            kept() == null ? Set.of() : Set.copyOf(kept()));
  }

  /** What the keys of a {@link Provenance} hold, and how they are read. */
  private static final class ProvenanceJson {
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

    private ProvenanceJson() {}

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
      // Of the file that masks were taken from, of the one that describes the family, and of the
      // recipe by which parts were removed.
      add(forms, Form.TEXT, "masks_sha256", "family_sha256", "recipe_sha256");
      add(forms, Form.TEXTS, "include", "exclude");
      // What is done to modules that no sample reached, if norms are used.
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
      // Those of the unreached modules that were kept unchanged, if there are any.
      add(forms, Form.TEXTS, Provenance.KEPT);
      // Of each tensor whose weights were fitted, by its name.
      add(forms, Form.NAMES, Provenance.FITTED_SHA256);
      return forms;
    }

    private static void add(Map<String, Form> forms, Form form, String... keys) {
      List.of(keys).forEach(key -> forms.put(key, form));
    }

    /** Reads an object; the message for a value of the wrong type doesn't name the file. */
    public static Provenance read(JsonNode root) {
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
      return new Provenance(values);
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
          "a 32-bit integer",
          node -> isInteger(node) && node.canConvertToInt(),
          JsonNode::intValue),
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
      RECORD("an object", JsonNode::isObject, node -> ProvenanceJson.read(node).values()),
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
        object
            .properties()
            .forEach(entry -> map.put(entry.getKey(), value.apply(entry.getValue())));
        return map;
      }
    }
  }
}
