package io.github.wandacuda.library;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.structure.RemovalRequest;
import io.github.wandacuda.job.structure.StructureChoice;
import io.github.wandacuda.job.structure.StructureJob;
import io.github.wandacuda.job.structure.StructureRequest;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.system.Labelled;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Which whole parts of a model go, and how the rest is written, as {@code wanda-cuda prune
 * --structure} takes it. Immutable; each method returns another removal.
 *
 * <pre>{@code
 * PartRemoval.of("channels", 0.25).multiple(64).update("realign")
 * }</pre>
 */
public final class PartRemoval {
  private final RemovalRequest asked;
  private final Writing writing;

  private PartRemoval(RemovalRequest asked, Writing writing) {
    this.asked = asked;
    this.writing = writing;
  }

  /**
   * How the output is written.
   *
   * @param shardBytes of a shard at most; 0 for those of the source's largest
   */
  private record Writing(boolean resume, boolean verify, boolean card, long shardBytes) {
    static final Writing USUAL = new Writing(false, true, true, 0);
  }

  /**
   * What {@link ModelJobs#removeParts} wrote.
   *
   * @param removed what went, of each kind
   * @param update what happened to the weights that read what is left: {@code none}, {@code
   *     reconstruct} or {@code realign}
   * @param parametersBefore of the source, without scales
   * @param parametersAfter of what is left
   * @param bytesBefore of the source's tensors
   * @param bytesAfter of the written tensors
   */
  public record Result(
      List<Removed> removed,
      String update,
      long parametersBefore,
      long parametersAfter,
      long bytesBefore,
      long bytesAfter) {
    /** Copies the list. */
    public Result {
      removed = List.copyOf(removed);
    }
  }

  /**
   * Parts of one kind.
   *
   * @param kind {@code experts}, {@code blocks}, {@code channels} or {@code heads}, which are
   *     counted in groups that share a key and a value
   * @param before how many there were, of each block, or of {@code blocks} in all
   * @param after how many are left
   */
  public record Removed(String kind, int before, int after) {}

  /**
   * Removes a share of the parts.
   *
   * @param structure {@code experts}, {@code blocks}, {@code channels}, {@code heads}, or {@code
   *     auto} for the mix that does best on a quarter of the samples
   * @param share of the parts, or with {@code auto} of the blocks' parameters, from 0 to below 1
   * @return such a removal
   * @throws IllegalArgumentException for any other name or share
   */
  public static PartRemoval of(String structure, double share) {
    return of(named(structure), new Sparsity.Ratio(share), null);
  }

  /**
   * Removes a number of parts.
   *
   * @param structure {@code experts}, {@code blocks}, {@code channels} or {@code heads}
   * @param count how many blocks go, or parts of each block
   * @return such a removal
   * @throws IllegalArgumentException for any other name, or a count below 1
   */
  public static PartRemoval ofCount(String structure, int count) {
    Structure kind = named(structure);
    if (count < 1 || kind == Structure.AUTO) {
      throw new IllegalArgumentException(
          "count: expected 1 or more of one kind, found %d of %s".formatted(count, kind.label()));
    }
    return of(kind, new Sparsity.Ratio(0.5), count);
  }

  private static PartRemoval of(Structure kind, Sparsity.Ratio share, Integer count) {
    return new PartRemoval(
        new RemovalRequest(
            new Structure.Parts(kind, kind.usualScore(), share, count, 0, Optional.empty()), false),
        Writing.USUAL);
  }

  private static Structure named(String name) {
    return labelled(name, List.of(Structure.values()), "structure");
  }

  private static <T extends Labelled> T labelled(String name, List<T> known, String what) {
    Objects.requireNonNull(name, what);
    return Calls.argument(() -> Labelled.of(name, known, what));
  }

  private PartRemoval with(String score, int multiple, Optional<Structure.Update> update) {
    Structure.Parts parts = asked.parts();
    return new PartRemoval(
        new RemovalRequest(
            new Structure.Parts(
                parts.structure(), score, parts.share(), parts.count(), multiple, update),
            asked.requantize()),
        writing);
  }

  /**
   * Sets what the parts go by.
   *
   * @param name a score that the command's help lists for the structure; its first by default
   * @return such a removal
   * @throws IllegalArgumentException for any other name
   */
  public PartRemoval score(String name) {
    Structure.Parts parts = asked.parts();
    return Calls.argument(
        () -> {
          parts.structure().requireScore(Objects.requireNonNull(name, "name"));
          return with(name, parts.multiple(), parts.update());
        });
  }

  /**
   * Keeps a multiple of so many channels, which GPUs multiply faster.
   *
   * @param channels 1 or more; by default as the command does
   * @return such a removal
   * @throws IllegalArgumentException if it is less, or neither channels nor a mix go
   */
  public PartRemoval multiple(int channels) {
    Structure.Parts parts = asked.parts();
    return Calls.argument(
        () -> {
          parts.structure().requireMultiple(channels);
          return with(parts.score(), channels, parts.update());
        });
  }

  /**
   * Sets what happens to the weights that read what is left.
   *
   * @param name {@code none}; {@code reconstruct}, to give their own output again; or {@code
   *     realign}, to give the dense model's hidden states: the default from 64 samples on, where it
   *     can be
   * @return such a removal
   * @throws IllegalArgumentException for any other name
   */
  public PartRemoval update(String name) {
    Structure.Parts parts = asked.parts();
    return with(
        parts.score(),
        parts.multiple(),
        Optional.of(labelled(name, List.of(Structure.Update.values()), "update")));
  }

  /**
   * Says whether fitted weights may be rounded to the codes of a quantized checkpoint.
   *
   * @param rounded whether they may; false by default, which refuses to fit such weights
   * @return such a removal
   */
  public PartRemoval requantize(boolean rounded) {
    return new PartRemoval(new RemovalRequest(asked.parts(), rounded), writing);
  }

  /**
   * Lets a run go on with what an earlier one has left in the output.
   *
   * @param earlier whether to; an output that isn't empty is refused otherwise
   * @return such a removal
   */
  public PartRemoval resume(boolean earlier) {
    return written(new Writing(earlier, writing.verify, writing.card, writing.shardBytes));
  }

  /**
   * Says whether what was written is read back and compared.
   *
   * @param checked whether to; true by default
   * @return such a removal
   */
  public PartRemoval verify(boolean checked) {
    return written(new Writing(writing.resume, checked, writing.card, writing.shardBytes));
  }

  /**
   * Says whether the output's {@code README.md} is a model card that says what was done.
   *
   * @param written whether to; true by default
   * @return such a removal
   */
  public PartRemoval card(boolean written) {
    return written(new Writing(writing.resume, writing.verify, written, writing.shardBytes));
  }

  /**
   * Sets the size of the shards that are written.
   *
   * @param bytes of a shard at most, 1 or more; by default the source's largest has as many
   * @return such a removal
   * @throws IllegalArgumentException if it is less than 1
   */
  public PartRemoval shardBytes(long bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("shardBytes: expected 1 or more, found " + bytes);
    }
    return written(new Writing(writing.resume, writing.verify, writing.card, bytes));
  }

  private PartRemoval written(Writing how) {
    return new PartRemoval(asked, how);
  }

  /**
   * Chooses the parts, and writes what is left.
   *
   * @param files what the scores are read from, by what a record calls it
   */
  Result run(
      ModelDirectory model,
      Backend backend,
      Calibration calibration,
      Map<String, List<Path>> files,
      Path output,
      Progress progress) {
    RemovalRequest.requireSamples(
        asked.parts().structure(), calibration instanceof Calibration.FromSamples);
    StructureJob.check(output, model, writing.resume);
    asked.check(model);
    Structure.Update update = asked.update(model, calibration, why -> {});
    StructureChoice.Chosen chosen =
        asked.choose(model, backend, calibration, update, true, progress);
    StructureJob job =
        new StructureJob(
            StructureRequest.of(output, asked, chosen.removed())
                .chosenShare(asked.chosenShare(model, calibration, update, chosen.trials().size()))
                .update(update)
                .calibration(calibration)
                .files(files)
                .shardBytes(
                    writing.shardBytes == 0
                        ? StructureRequest.largestShard(model)
                        : writing.shardBytes)
                .resume(writing.resume)
                .verify(writing.verify)
                .card(writing.card)
                .build(),
            model);
    job.run(backend, new PhaseClock(backend.concurrency()), progress, Optional.empty(), () -> {});
    return new Result(
        job.removed().kinds().keySet().stream()
            .map(kind -> removed(kind, kind.find(model).size(), job.removed().count(kind)))
            .toList(),
        update.label(),
        model.parameters(),
        job.planned().parameters(),
        model.checkpoint().totalBytes(),
        job.smaller().totalBytes());
  }

  private static Removed removed(Structure kind, int size, int gone) {
    return new Removed(kind.label(), size, size - gone);
  }
}
