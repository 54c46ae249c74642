package io.github.wandacuda.job.structure;

import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.gguf.GgufCheckpoint;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.RecordSources;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.StructurePlan;
import io.github.wandacuda.pruning.recipe.MethodKey;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.system.ThisRuntime;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A request to remove whole parts of a model.
 *
 * @param output the directory of the smaller model
 * @param asked by what it was chosen
 * @param removed what goes; which channels or heads is only found while they are removed, so these
 *     are as many others
 * @param chosenShare how much of the run is done when the parts are chosen, as progress tells it
 * @param update what happens to the weights that read what is left
 * @param calibration the samples or statistics by which parts are scored and weights fitted
 * @param files that are read beside the model, by what they are
 * @param shardBytes the most bytes of a shard that has more than one tensor
 * @param resume whether the output may hold an interrupted or finished run
 * @param verify whether what was written is read back and compared
 * @param card whether the output gets a model card that says what was done
 * @param io how files are read and written
 */
public record StructureRequest(
    Path output,
    RemovalRequest asked,
    RemovedParts removed,
    double chosenShare,
    Update update,
    Calibration calibration,
    Map<String, List<Path>> files,
    long shardBytes,
    boolean resume,
    boolean verify,
    boolean card,
    IoMode io) {
  /**
   * Begins a request by its output, what was asked for and what is removed. Everything else is as
   * in most runs: no fit, no calibration, a check of what was written, and a new output without a
   * card.
   */
  public static Builder of(Path output, RemovalRequest asked, RemovedParts removed) {
    return new Builder(output, asked, removed);
  }

  /** Collects a request's values, each named where it is given. */
  public static final class Builder {
    private final Path output;
    private final RemovalRequest asked;
    private final RemovedParts removed;
    private double chosenShare;
    private Update update = Update.NONE;
    private Calibration calibration = new Calibration.None();
    private Map<String, List<Path>> files = Map.of();
    private long shardBytes;
    private boolean resume;
    private boolean verify = true;
    private boolean card;
    private IoMode io = IoMode.AUTO;

    private Builder(Path output, RemovalRequest asked, RemovedParts removed) {
      this.output = output;
      this.asked = asked;
      this.removed = removed;
    }

    public Builder chosenShare(double chosenShare) {
      this.chosenShare = chosenShare;
      return this;
    }

    public Builder update(Update update) {
      this.update = update;
      return this;
    }

    public Builder calibration(Calibration calibration) {
      this.calibration = calibration;
      return this;
    }

    public Builder files(Map<String, List<Path>> files) {
      this.files = files;
      return this;
    }

    public Builder shardBytes(long shardBytes) {
      this.shardBytes = shardBytes;
      return this;
    }

    public Builder resume(boolean resume) {
      this.resume = resume;
      return this;
    }

    public Builder verify(boolean verify) {
      this.verify = verify;
      return this;
    }

    public Builder card(boolean card) {
      this.card = card;
      return this;
    }

    public Builder io(IoMode io) {
      this.io = io;
      return this;
    }

    public StructureRequest build() {
      return new StructureRequest(
          output,
          asked,
          removed,
          chosenShare,
          update,
          calibration,
          files,
          shardBytes,
          resume,
          verify,
          card,
          io);
    }
  }

  /**
   * Returns the bytes of a model's largest shard, or file in GGUF, up to which a smaller model's
   * shards may grow.
   */
  public static long largestShard(ModelDirectory model) {
    if (model.isGguf()) {
      return GgufCheckpoint.largestFile(model.checkpoint());
    }
    return model.checkpoint().shards().stream()
        .mapToLong(SafetensorsFile::byteSize)
        .max()
        .orElseThrow();
  }

  /**
   * Returns the output's record.
   *
   * @param gone the parts that are removed, which may only be known after they have been chosen
   * @param plan the smaller model
   */
  RemovalRecord record(RemovedParts gone, StructurePlan plan) {
    Structure.Parts parts = asked.parts();
    Map<String, Object> values = new LinkedHashMap<>();
    values.put("format", Provenance.FORMAT);
    values.put("version", ThisRuntime.programVersion());
    values.put("mode", Provenance.STRUCTURE);
    values.put(Provenance.STRUCTURE, parts.structure().label());
    values.put(Provenance.SCORE, parts.score());
    values.put(Provenance.REMOVED, gone.written(parts.structure()));
    values.put(Provenance.CONFIG, plan.config());
    values.put(
        MethodKey.UPDATE.recordKey(), update == Structure.Update.NONE ? null : update.label());
    values.put(Provenance.FITTED, plan.fitted().isEmpty() ? null : plan.fitted());
    values.put(Provenance.SHARD_SIZE, shardBytes);
    values.put(Provenance.CARD, card ? true : null);
    values.put("family_sha256", RecordSources.familyDigest(files.get(Provenance.FAMILY)));
    values.put("recipe_sha256", RecordSources.digest("a recipe", files.get(Provenance.RECIPE)));
    values.put(Provenance.FILES, RecordSources.names(files));
    values.putAll(RecordSources.calibration(calibration));
    values.put("source_sha256", SourceDigest.of(plan.model()));
    return new RemovalRecord(values);
  }
}
