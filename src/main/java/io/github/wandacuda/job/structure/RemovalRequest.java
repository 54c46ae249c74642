package io.github.wandacuda.job.structure;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.gguf.GgufRemoval;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovalRecord;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.BlockRemoval;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.pruning.fit.OutputProjections;
import io.github.wandacuda.pruning.recipe.ColumnScore;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What is to be removed of a model.
 *
 * @param parts which kind, how many, and by which score
 * @param requantize whether fitted weights may be rounded to the codes of a quantized checkpoint
 */
public record RemovalRequest(Structure.Parts parts, boolean requantize) {
  /** With so many samples or more, weights are fitted by default. */
  private static final int SAMPLES_TO_FIT = 64;

  /** Messages name shares with four decimals. */
  private static final double SHARE_STEPS = 1e4;

  /**
   * Checks that parts can be chosen: only experts can be without samples, since statistics score
   * them alone.
   *
   * @throws UsageException if they can't
   */
  public static void requireSamples(Structure structure, boolean sampled) {
    if (structure != Structure.EXPERTS && !sampled) {
      throw new UsageException(
          "`structure` %s needs `calibration` FILE".formatted(structure.label()));
    }
  }

  /**
   * Checks that a model has the parts, and more of them than are removed. Mixes aren't checked
   * here.
   *
   * @throws InputException if it hasn't
   * @throws UsageException if llama.cpp wouldn't load what is left of a file in GGUF
   */
  public void check(ModelDirectory model) {
    if (parts.structure() == Structure.AUTO) {
      return;
    }
    Removal removal = parts.structure().find(model);
    int gone = count(removal);
    if (model.isGguf()) {
      checkGguf(GgufRemoval.whole(model.checkpoint()), removal.size(), gone);
    }
  }

  /** Checks what llama.cpp doesn't load, as far as it doesn't depend on which of the parts go. */
  private void checkGguf(GgufRemoval whole, int size, int gone) {
    switch (parts.structure()) {
      case EXPERTS -> whole.requireExperts(size - gone);
      case BLOCKS -> whole.requireBlocksWithout(gone);
      case HEADS -> whole.requireFewerHeads();
      case CHANNELS, AUTO -> {}
    }
  }

  /** Returns what columns go by. */
  ColumnScore columnScore() {
    return parts.structure().columnScore(parts.score());
  }

  /** Returns how many parts are removed. */
  private int count(Removal removal) {
    int gone =
        parts.count() == null
            ? removal.share(parts.share().fraction(), parts.multiple())
            : parts.count();
    if (gone == 0 && parts.count() == null) {
      requireShareOfOne(removal);
    }
    removal.requireRemovable(gone);
    if (removal instanceof BlockRemoval blocks && parts.score().equals(BlockScore.LOSS.label())) {
      blocks.requireInnerRemovable(gone);
    }
    return gone;
  }

  /**
   * Refuses a share that is rounded down to no part. The message names the lowest share that isn't.
   */
  private void requireShareOfOne(Removal removal) {
    for (int gone = 1; gone < removal.size(); gone++) {
      double share = Math.ceil(SHARE_STEPS * gone / removal.size()) / SHARE_STEPS;
      int count = removal.share(share, parts.multiple());
      if (count > 0) {
        throw ErrorDetails.of("`sparsity`")
            .wrong(
                "at least %s, which removes %d of %d %s"
                    .formatted(share, count, removal.size(), parts.structure().parts()),
                "%s, which is rounded down to none".formatted(parts.share().fraction()));
      }
    }
  }

  /**
   * Returns what happens to the weights that stay.
   *
   * @param told called with the reason if weights can't be fitted, though they would be by default
   * @throws UsageException if what is asked for doesn't go with the parts or needs samples
   * @throws InputException if weights can't be fitted as asked
   */
  public Update update(ModelDirectory model, Calibration calibration, Consumer<String> told) {
    if (!(calibration instanceof Calibration.FromSamples samples)) {
      if (parts.update().orElse(Update.NONE) != Update.NONE) {
        throw new UsageException(
            "`update` %s needs `calibration` FILE".formatted(parts.update().get().label()));
      }
      return Update.NONE;
    }
    if (parts.update().orElse(null) == Update.RECONSTRUCT
        && (parts.structure() == Structure.EXPERTS || parts.structure() == Structure.BLOCKS)) {
      throw new UsageException(
          "`update`: expected realign or none for %s, found reconstruct"
              .formatted(parts.structure().label()));
    }
    boolean usual =
        parts.update().isEmpty() && !model.isGguf() && samples.samples().size() >= SAMPLES_TO_FIT;
    Update wanted = parts.update().orElse(usual ? Update.REALIGN : Update.NONE);
    Optional<InputException> problem =
        wanted == Update.NONE
            ? Optional.empty()
            : OutputProjections.problem(model, wanted, requantize);
    if (problem.isPresent() && !usual) {
      throw problem.get();
    }
    problem.ifPresent(why -> told.accept("weights stay as they are: " + why.getMessage()));
    return problem.isPresent() ? Update.NONE : wanted;
  }

  /**
   * Returns how much of a run is done when the parts are chosen, by how often samples pass the
   * blocks to choose them and to fit what is left.
   *
   * @param trials how many mixes a search has tried
   */
  public double chosenShare(
      ModelDirectory model, Calibration calibration, Update fits, int trials) {
    if (parts.structure() == Structure.AUTO) {
      return StructureSearch.share(trials);
    }
    if (!(calibration instanceof Calibration.FromSamples) || parts.structure().isOfWidth()) {
      return 0;
    }
    if (fits == Update.NONE) {
      return 1;
    }
    Removal removal = parts.structure().find(model);
    double passes = StructureChoice.passes(removal, count(removal), parts.score());
    return passes / (passes + StructureFit.PASSES);
  }

  /**
   * Returns the parts that an earlier run has removed, so that they needn't be chosen again.
   *
   * @param record of that run
   * @return nothing if it has removed another kind of parts
   */
  public Optional<StructureChoice.Chosen> madeBy(RemovalRecord record) {
    return record
        .structure()
        .filter(parts.structure()::equals)
        .map(record::removed)
        .map(removed -> StructureChoice.Chosen.of(removed, List.of()));
  }

  /**
   * Chooses the parts.
   *
   * @param backend runs samples; stays the caller's
   * @param fits what happens to the weights that read what is left
   * @param known whether samples run; else parts are returned for which a plan's sizes are right
   */
  public StructureChoice.Chosen choose(
      ModelDirectory model,
      Backend backend,
      Calibration calibration,
      Update fits,
      boolean known,
      Progress progress) {
    boolean byLoss =
        parts.structure() == Structure.AUTO || parts.score().equals(BlockScore.LOSS.label());
    if (byLoss && ((Calibration.FromSamples) calibration).sequenceLength() < 2) {
      throw ErrorDetails.of("`calibration`")
          .refused("samples of 2 tokens or more, one of which predicts another", "1");
    }
    if (parts.structure() != Structure.AUTO) {
      double share = chosenShare(model, calibration, fits, 0);
      Progress choosing = share > 0 && share < 1 ? progress.within("", 0, share) : progress;
      StructureChoice choice = new StructureChoice(model, backend, calibration, known, choosing);
      Removal found = parts.structure().find(model);
      return choice.choose(parts.structure(), found, count(found), parts.score());
    }
    Calibration.FromSamples samples = (Calibration.FromSamples) calibration;
    List<StructureSearch.Trial> trials =
        new StructureSearch(model, backend, samples, this, fits, progress).run(known);
    return StructureChoice.Chosen.of(trials.getFirst().removed(), trials);
  }
}
