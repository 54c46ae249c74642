package io.github.wandacuda.job;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.StructureRequest.Structure;
import io.github.wandacuda.job.StructureRequest.Update;
import io.github.wandacuda.model.BlockRemoval;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What is asked to be removed of a model.
 *
 * @param score what goes first by it
 * @param share how much goes
 * @param count how many parts go instead of a share, or null
 * @param multiple of which channels stay, or 0
 * @param update what is asked to happen to the weights that read what is left, if anything is
 * @param requantize whether fitted weights may be rounded to the codes of a quantized checkpoint
 */
public record RemovalRequest(
    Structure structure,
    String score,
    Sparsity.Ratio share,
    Integer count,
    int multiple,
    Optional<Update> update,
    boolean requantize) {
  /** From so many samples on weights are fitted unless it is said otherwise. */
  private static final int SAMPLES_TO_FIT = 64;

  /**
   * The parts that go.
   *
   * @param trials what was tried, the best first
   */
  public record Choice(StructureChoice.Chosen chosen, List<StructureSearch.Trial> trials) {
    public RemovedParts removed() {
      return chosen.removed();
    }
  }

  /**
   * Finds the parts in a model.
   *
   * @return nothing where it is a mix that goes
   * @throws InputException if the model has none, or no more of them than go
   */
  public Optional<Removal> find(ModelDirectory model) {
    if (structure == Structure.AUTO) {
      return Optional.empty();
    }
    Removal parts = structure.find(model);
    int unused = count(parts);
    return Optional.of(parts);
  }

  /** Returns how many parts go. */
  private int count(Removal removal) {
    int gone = count == null ? removal.share(share.fraction(), multiple) : count;
    removal.requireRemovable(gone);
    if (removal instanceof BlockRemoval blocks && score.equals(BlockScore.LOSS.label())) {
      blocks.requireInnerRemovable(gone);
    }
    return gone;
  }

  /** Returns what happens to the weights that stay; {@code told} why nothing, unless asked. */
  public Update update(ModelDirectory model, Calibration calibration, Consumer<String> told) {
    if (!(calibration instanceof Calibration.FromSamples samples)) {
      if (update.orElse(Update.NONE) != Update.NONE) {
        throw new UsageException(
            "`update` %s needs `calibration` FILE".formatted(update.get().label()));
      }
      return Update.NONE;
    }
    if (update.orElse(null) == Update.RECONSTRUCT
        && (structure == Structure.EXPERTS || structure == Structure.BLOCKS)) {
      throw new UsageException(
          "`update`: expected realign or none for %s, found reconstruct"
              .formatted(structure.label()));
    }
    boolean usual = update.isEmpty() && samples.samples().size() >= SAMPLES_TO_FIT;
    Update asked = update.orElse(usual ? Update.REALIGN : Update.NONE);
    Optional<InputException> problem =
        asked == Update.NONE ? Optional.empty() : StructureFit.problem(model, asked, requantize);
    if (problem.isPresent() && !usual) {
      throw problem.get();
    }
    problem.ifPresent(why -> told.accept("weights stay as they are: " + why.getMessage()));
    return problem.isPresent() ? Update.NONE : asked;
  }

  /**
   * Chooses the parts.
   *
   * @param parts what {@link #find} found
   * @param fits what happens to the weights that read what is left
   * @param known whether samples run; else parts are taken that a plan's sizes are right for
   */
  public Choice choose(
      Optional<Removal> parts,
      ModelDirectory model,
      Backend backend,
      Calibration calibration,
      Update fits,
      boolean known,
      Progress progress) {
    boolean byLoss = structure == Structure.AUTO || score.equals(BlockScore.LOSS.label());
    if (byLoss && ((Calibration.FromSamples) calibration).sequenceLength() < 2) {
      throw ErrorDetails.of("`calibration`")
          .refused("samples of 2 tokens or more, one of which predicts another", "1");
    }
    if (parts.isPresent()) {
      StructureChoice choice = new StructureChoice(model, backend, calibration, known, progress);
      int gone = count(parts.get());
      return new Choice(choice.choose(structure, parts.get(), gone, score), List.of());
    }
    StructureSearch search =
        new StructureSearch(
            model,
            backend,
            (Calibration.FromSamples) calibration,
            fits,
            requantize,
            multiple,
            progress);
    List<StructureSearch.Trial> trials = search.run(share.fraction(), known);
    return new Choice(
        new StructureChoice.Chosen(trials.getFirst().removed(), Optional.empty(), Map.of()),
        trials);
  }
}
