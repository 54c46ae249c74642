package io.github.wandacuda.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Reason;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.model.NamePatterns;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PruningRules;
import io.github.wandacuda.pruning.Unreached;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The content of {@code wanda-cuda.json}: how a pruned directory was made. Two equal runs write the
 * same bytes, so it holds no time, path, host or backend.
 *
 * @param format {@link #FORMAT}
 * @param version the version of this library
 * @param mode {@link #MASK} or {@link #UPDATE}
 * @param done what was done to all modules, or null if a recipe says it
 * @param stages the stages of a recipe, or null
 * @param allocation how the total was shared out, or null if all modules got the same
 * @param shares the shares of modules by name, or null if all got the same
 * @param masksSha256 the SHA-256 of the file that masks were taken from
 * @param include patterns that replaced the default choice of modules
 * @param exclude patterns that removed modules from it
 * @param unreached what is done to modules that no sample reached, if norms are used
 * @param files the names of the files that were read, without folders, by what they are, or null
 * @param samples number of samples of a calibrated run
 * @param sequenceLength tokens of a sample
 * @param seed the seed of the draw of samples
 * @param join true if samples were drawn from documents that were joined, else null
 * @param calibrationSha256 the SHA-256 of the samples' token ids as little-endian 32-bit integers
 * @param statisticsSha256 the SHA-256 of the statistics file
 * @param sourceSha256 the SHA-256 of the source, see {@link SourceDigest}
 * @param modules names of the pruned modules
 * @param elements number of their weights
 * @param pruned number of weights that the masks prune
 * @param zeros number of their weights that are zero
 * @param maskSha256 the SHA-256 of the packed masks
 * @param kept names of the unreached modules that were kept unchanged, or null if there are none
 */
public record Provenance(
    String format,
    String version,
    String mode,
    Map<String, Object> done,
    List<RulesRecord.StageRecord> stages,
    String allocation,
    Map<String, Double> shares,
    String masksSha256,
    List<String> include,
    List<String> exclude,
    String unreached,
    Map<String, String> files,
    Integer samples,
    Integer sequenceLength,
    Long seed,
    Boolean join,
    String calibrationSha256,
    String statisticsSha256,
    String sourceSha256,
    List<String> modules,
    long elements,
    long pruned,
    long zeros,
    String maskSha256,
    List<String> kept) {

  /** The file's name in a pruned directory. */
  public static final String FILE_NAME = SideFiles.MANIFEST;

  /** The value of {@code format}. */
  public static final String FORMAT = "wanda-cuda.provenance.v1";

  /** The mode of a run that keeps the bits of every kept weight. */
  public static final String MASK = "mask";

  /** The mode of a run that changes kept weights too. */
  public static final String UPDATE = "update";

  /**
   * Returns the provenance of a run that has not begun, without its results.
   *
   * @param modules the chosen modules
   * @param source the digest of the source, see {@link SourceDigest}
   */
  public static Provenance planned(
      PruneRequest request, List<LinearModule> modules, String source, String version) {
    PruningRules rules = request.rules();
    Calibration calibration = request.calibration();
    boolean sampled = calibration instanceof Calibration.FromSamples;
    Calibration.FromSamples samples = sampled ? (Calibration.FromSamples) calibration : null;
    RulesRecord written = RulesRecord.of(rules);
    return new Provenance(
        FORMAT,
        version,
        rules.update() ? UPDATE : MASK,
        written.done(),
        written.stages(),
        request.allocation(),
        written.shares(),
        request.masks().map(PruneRequest.MasksIn::sha256).orElse(null),
        texts(request.choice().include()),
        texts(request.choice().exclude()),
        rules.needNorms() ? request.unreached().label() : null,
        names(request.files()),
        sampled ? samples.samples().size() : null,
        sampled ? samples.sequenceLength() : null,
        sampled ? samples.seed() : null,
        sampled && samples.joined() ? true : null,
        sampled ? samples.sha256() : null,
        calibration instanceof Calibration.FromStatistics statistics ? statistics.sha256() : null,
        source,
        modules.stream().map(LinearModule::name).sorted(TensorNames.NATURAL).toList(),
        modules.stream().mapToLong(LinearModule::elements).sum(),
        0,
        0,
        null,
        null);
  }

  /** Returns a copy with the run's results. */
  public Provenance with(List<ModuleResult> results, String masks) {
    return with(
        results.stream().mapToLong(ModuleResult::pruned).sum(),
        results.stream().mapToLong(ModuleResult::zeros).sum(),
        masks,
        kept(results));
  }

  private Provenance with(long pruned, long zeros, String masks, List<String> kept) {
    return new Provenance(
        format,
        version,
        mode,
        done,
        stages,
        allocation,
        shares,
        masksSha256,
        include,
        exclude,
        unreached,
        files,
        samples,
        sequenceLength,
        seed,
        join,
        calibrationSha256,
        statisticsSha256,
        sourceSha256,
        modules,
        elements,
        pruned,
        zeros,
        masks,
        kept);
  }

  private List<String> kept(List<ModuleResult> results) {
    if (!Unreached.KEEP.label().equals(unreached)) {
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

  /** Returns what the result depends on, for a report, without what is said of each module. */
  public Map<String, Object> origin() {
    return ProvenanceJson.origin(this);
  }

  /** Returns the file's bytes. */
  public byte[] json() {
    return (ProvenanceJson.write(this) + "\n").getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads the file of a pruned directory; returns nothing if there is none.
   *
   * @throws InputException if the file can't be read or isn't valid
   */
  public static Optional<Provenance> read(Path directory) {
    Path file = directory.resolve(FILE_NAME);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try (InputStream in = InputFile.stream(file)) {
      return Optional.of(read(in, file));
    } catch (IOException e) {
      throw new InputException(ErrorDetails.file(file).said("can't be read: " + Reason.of(e)), e);
    }
  }

  /**
   * Reads the file's content.
   *
   * @param file the file's path, for messages
   */
  public static Provenance read(InputStream in, Path file) throws IOException {
    try {
      Provenance provenance = ProvenanceJson.read(JsonTree.read(in));
      provenance.rules();
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

  /** Returns the choice of modules. */
  ModuleChoice choice() {
    return new ModuleChoice(patterns(include), patterns(exclude));
  }

  private static List<Pattern> patterns(List<String> texts) {
    return texts == null ? List.of() : texts.stream().map(NamePatterns::compile).toList();
  }

  /**
   * Returns the rules by which the modules were pruned.
   *
   * @throws WandaException if the content contradicts itself
   */
  public PruningRules rules() {
    if (modules == null || (done == null) == (stages == null)) {
      throw new UsageException(
          "expected modules and one of method and stages, found %s, %s, %s"
              .formatted(modules, done, stages));
    }
    return new RulesRecord(done, stages, shares)
        .rules(
            kept == null ? Unreached.MAGNITUDE : Unreached.KEEP,
            kept == null ? Set.of() : Set.copyOf(kept));
  }
}
