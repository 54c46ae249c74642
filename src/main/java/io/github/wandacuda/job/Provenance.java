package io.github.wandacuda.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.NamePatterns;
import io.github.wandacuda.model.StructurePlan;
import io.github.wandacuda.pruning.MethodKey;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Unreached;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
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
  /** The file's name in a pruned directory. */
  public static final String FILE_NAME = SideFiles.MANIFEST;

  public static final String FORMAT = "wanda-cuda.provenance.v1";

  /** The mode of a run that keeps the bits of every kept weight. */
  public static final String MASK = "mask";

  /** The mode of a run that changes kept weights too. */
  public static final String UPDATE = "update";

  /** The mode of a run that removes whole parts and keeps the bits of all others. */
  public static final String STRUCTURE = "structure";

  static final String SCORE = "score";
  static final String REMOVED = "removed";
  static final String CONFIG = "config";
  static final String FITTED = "fitted";
  static final String SHARD_SIZE = "shard_size";

  static final String FILES = "files";

  /** Of the files that a run reads beside the model, the one that describes its family. */
  public static final String FAMILY = "family";

  static final String MODULES = RulesRecord.MODULES;
  static final String ELEMENTS = "elements";
  static final String PRUNED = "pruned";
  static final String ZEROS = "zeros";
  static final String MASKS = "mask_sha256";
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

  static Provenance planned(
      PruneRequest request, List<LinearModule> modules, String source, String version) {
    PruningRules rules = request.rules();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("format", FORMAT);
    values.put("version", version);
    values.put("mode", rules.update() ? UPDATE : MASK);
    values.putAll(RulesRecord.of(rules).values());
    values.put("allocation", request.allocation());
    values.put("masks_sha256", request.masks().map(PruneRequest.MasksIn::sha256).orElse(null));
    List<Path> family = request.files().get(FAMILY);
    values.put("family_sha256", digest(family));
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

  static Provenance planned(
      StructureRequest request, RemovedParts removed, StructurePlan plan, String version) {
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("format", FORMAT);
    values.put("version", version);
    values.put("mode", STRUCTURE);
    values.put(STRUCTURE, request.structure().label());
    values.put(SCORE, request.score());
    values.put(REMOVED, removed.written(request.structure()));
    values.put(CONFIG, plan.config());
    values.put(
        MethodKey.UPDATE.recordKey(),
        request.update() == StructureRequest.Update.NONE ? null : request.update().label());
    values.put(FITTED, plan.fitted().isEmpty() ? null : plan.fitted());
    values.put(SHARD_SIZE, request.shardBytes());
    values.put("family_sha256", digest(request.files().get(FAMILY)));
    values.put(FILES, names(request.files()));
    values.putAll(calibration(request.calibration()));
    values.put("source_sha256", SourceDigest.of(plan.model()));
    return new Provenance(values);
  }

  private static String digest(List<Path> family) {
    return family == null ? null : SourceDigest.ofFiles("a description of a family", family, "");
  }

  private static Map<String, Object> calibration(Calibration calibration) {
    Map<String, Object> values = new LinkedHashMap<>();
    if (calibration instanceof Calibration.FromSamples samples) {
      values.put("samples", samples.samples().size());
      values.put("sequence_length", samples.sequenceLength());
      values.put("seed", samples.seed());
      values.put("join", samples.joined() ? true : null);
      values.put("calibration_sha256", samples.sha256());
    }
    if (calibration instanceof Calibration.FromStatistics statistics) {
      values.put("statistics_sha256", statistics.sha256());
    }
    return values;
  }

  Provenance with(List<ModuleResult> results, String masks) {
    Map<String, Object> all = new LinkedHashMap<>(values);
    all.put(PRUNED, results.stream().mapToLong(ModuleResult::pruned).sum());
    all.put(ZEROS, results.stream().mapToLong(ModuleResult::zeros).sum());
    all.put(MASKS, masks);
    all.put(KEPT, kept(results));
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
  private static Map<String, String> names(Map<String, List<Path>> files) {
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

  /** Returns the values that the result depends on. */
  Map<String, Object> cause() {
    Map<String, Object> cause = new LinkedHashMap<>(values);
    List.of(FILES, ELEMENTS, PRUNED, ZEROS, MASKS, KEPT).forEach(cause::remove);
    cause.remove(FITTED);
    if (isStructure()) {
      // How many channels and heads go is asked for, which of them is a result.
      structure()
          .ifPresent(kind -> cause.computeIfPresent(REMOVED, (key, all) -> removed(kind).asked()));
    }
    return cause;
  }

  /** Returns what the result depends on, for a report, without what is said of each module. */
  public Map<String, Object> origin() {
    Map<String, Object> origin = cause();
    List.of("format", "version", RulesRecord.SHARES, MODULES).forEach(origin::remove);
    return origin;
  }

  byte[] json() {
    return (JsonText.of(values) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /** Reads the file of a pruned directory; returns nothing if there is none. */
  static Optional<Provenance> read(Path directory) {
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

  static Provenance read(InputStream in, Path file) throws IOException {
    try {
      Provenance provenance = ProvenanceJson.read(JsonTree.read(in));
      if (provenance.isStructure()) {
        provenance.structure().ifPresent(provenance::removed);
      } else {
        provenance.rules();
      }
      return provenance;
    } catch (JsonProcessingException e) {
      throw notOurs(file, e.getOriginalMessage().lines().findFirst().get(), e);
    } catch (InputException e) {
      throw notOurs(file, e.getMessage(), e);
    } catch (UsageException e) {
      throw notOurs(file, e.getMessage(), e);
    }
  }

  private static InputException notOurs(Path file, String why, Exception cause) {
    return new InputException(
        ErrorDetails.file(file)
            .said("not what this tool writes: " + why.replace("`", ""))
            .hint("take the file back from where the model was pruned, or prune again"),
        cause);
  }

  boolean isStructure() {
    return STRUCTURE.equals(text("mode"));
  }

  /** Returns the keys of a run that removed parts that neither these nor the source prove. */
  List<String> unproven() {
    List<String> keys = new ArrayList<>(List.of("version", SCORE, FITTED));
    keys.addAll(ORIGIN);
    keys.retainAll(values.keySet());
    return keys;
  }

  /** Returns what kind of parts a run removed; nothing if it isn't known. */
  Optional<StructureRequest.Structure> structure() {
    return Stream.of(StructureRequest.Structure.values())
        .filter(known -> known.label().equals(value(STRUCTURE)))
        .findFirst();
  }

  RemovedParts removed(StructureRequest.Structure kind) {
    return RemovedParts.read(kind, value(REMOVED));
  }

  /** Returns the names of the tensors that a run fitted to what it left. */
  List<String> fitted() {
    return texts(FITTED) == null ? List.of() : texts(FITTED);
  }

  /** Returns the value of a key, or null if it isn't there. */
  Object value(String key) {
    return values.get(key);
  }

  private String text(String key) {
    return (String) values.get(key);
  }

  @SuppressWarnings("unchecked") // Its form says so.
  private List<String> texts(String key) {
    return (List<String>) values.get(key);
  }

  /** Returns the version of the library that made the directory. */
  String version() {
    return text("version");
  }

  /** Returns what is done to modules that no sample reached, or null if no norms are used. */
  String unreached() {
    return text("unreached");
  }

  String sourceSha256() {
    return text("source_sha256");
  }

  /** Returns the names of the pruned modules. */
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

  ModuleChoice choice() {
    return new ModuleChoice(patterns("include"), patterns("exclude"));
  }

  private List<Pattern> patterns(String key) {
    List<String> texts = texts(key);
    return texts == null ? List.of() : texts.stream().map(NamePatterns::compile).toList();
  }

  PruningRules rules() {
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
}
