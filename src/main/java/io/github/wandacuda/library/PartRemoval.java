package io.github.wandacuda.library;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.job.RemovalRequest;
import io.github.wandacuda.pruning.Structure;
import io.github.wandacuda.system.Labelled;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;

/**
 * Which whole parts of a model go, as {@code wanda-cuda prune --structure} takes it. Immutable;
 * each method returns another removal.
 *
 * <pre>{@code
 * PartRemoval.of("channels", 0.25).multiple(64).update("realign")
 * }</pre>
 */
public final class PartRemoval {
  private final Structure structure;
  private final Sparsity.Ratio share;
  private final Integer count;
  private final String score;
  private final int multiple;
  private final Optional<Structure.Update> update;
  private final boolean requantize;

  private PartRemoval(
      Structure structure,
      Sparsity.Ratio share,
      Integer count,
      String score,
      int multiple,
      Optional<Structure.Update> update,
      boolean requantize) {
    this.structure = structure;
    this.share = share;
    this.count = count;
    this.score = score;
    this.multiple = multiple;
    this.update = update;
    this.requantize = requantize;
  }

  /**
   * What {@link ModelJobs#removeParts} wrote.
   *
   * @param removed by kind, {@code experts}, {@code blocks}, {@code channels} or {@code heads}, how
   *     many went: of each block, or of {@code blocks} in all
   * @param parametersBefore of the source, without scales
   * @param parametersAfter of what is left
   * @param bytesBefore of the source's tensors
   * @param bytesAfter of the written tensors
   */
  public record Result(
      Map<String, Integer> removed,
      long parametersBefore,
      long parametersAfter,
      long bytesBefore,
      long bytesAfter) {
    /** Copies the map. */
    public Result {
      removed = Map.copyOf(removed);
    }
  }

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
    return new PartRemoval(
        named(structure), new Sparsity.Ratio(share), null, null, 0, Optional.empty(), false);
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
    return new PartRemoval(kind, new Sparsity.Ratio(0.5), count, null, 0, Optional.empty(), false);
  }

  private static Structure named(String name) {
    return labelled(name, List.of(Structure.values()), "structure");
  }

  private static <T extends Labelled> T labelled(String name, List<T> known, String what) {
    Objects.requireNonNull(name, what);
    return Calls.argument(() -> Labelled.of(name, known, what));
  }

  /**
   * Sets what the parts go by.
   *
   * @param name a score that the command's help lists for the structure; its first by default
   * @return such a removal
   * @throws IllegalArgumentException for any other name
   */
  public PartRemoval score(String name) {
    if (!structure.scores().contains(name)) {
      throw new IllegalArgumentException(
          "score: expected one of %s for %s, found '%s'"
              .formatted(structure.scores(), structure.label(), name));
    }
    return new PartRemoval(structure, share, count, name, multiple, update, requantize);
  }

  /**
   * Keeps a multiple of so many channels, which GPUs multiply faster.
   *
   * @param channels 1 or more; by default as the command does
   * @return such a removal
   * @throws IllegalArgumentException if it is less, or neither channels nor a mix go
   */
  public PartRemoval multiple(int channels) {
    if (channels < 1 || (structure != Structure.CHANNELS && structure != Structure.AUTO)) {
      throw new IllegalArgumentException(
          "multiple: expected 1 or more, for channels or auto, found %d for %s"
              .formatted(channels, structure.label()));
    }
    return new PartRemoval(structure, share, count, score, channels, update, requantize);
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
    Structure.Update wanted = labelled(name, List.of(Structure.Update.values()), "update");
    return new PartRemoval(
        structure, share, count, score, multiple, Optional.of(wanted), requantize);
  }

  /**
   * Says whether fitted weights may be rounded to the codes of a quantized checkpoint.
   *
   * @param rounded whether they may; false by default, which refuses to fit such weights
   * @return such a removal
   */
  public PartRemoval requantize(boolean rounded) {
    return new PartRemoval(structure, share, count, score, multiple, update, rounded);
  }

  RemovalRequest request() {
    String by = score == null ? structure.usualScore() : score;
    return new RemovalRequest(
        new Structure.Parts(structure, by, share, count, multiple, update), requantize);
  }
}
