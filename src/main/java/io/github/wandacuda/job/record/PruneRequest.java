package io.github.wandacuda.job.record;

import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModuleChoice;
import io.github.wandacuda.pruning.mask.ModuleMasks;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.PruningRules;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * A request for a run of {@code prune}.
 *
 * @param output the directory of the pruned model, which doesn't exist yet, is empty or, if this
 *     run resumes, was left by an interrupted run
 * @param verify whether the written output is checked before it is declared finished
 * @param allocation how the total is shared out over modules, or null if all get the same
 * @param masks the masks of {@link Method#MASKS}
 * @param packed whether the output is packed in the end
 * @param card whether it gets a model card that says what was done
 * @param files what is read beside the model, by what it is
 * @param smaller how the model was made, if the run has removed parts of another one for it
 */
public record PruneRequest(
    Path output,
    PruningRules rules,
    ModuleChoice choice,
    Calibration calibration,
    boolean verify,
    boolean resume,
    String allocation,
    Optional<MasksIn> masks,
    boolean packed,
    boolean card,
    Storage storage,
    Map<String, List<Path>> files,
    Optional<SmallerModel> smaller) {
  /** Makes a request whose output isn't packed, and that uses the disk as most runs do. */
  public PruneRequest(
      Path output,
      PruningRules rules,
      ModuleChoice choice,
      Calibration calibration,
      boolean verify,
      boolean resume,
      boolean card) {
    this(
        output,
        rules,
        choice,
        calibration,
        verify,
        resume,
        null,
        Optional.empty(),
        false,
        card,
        Storage.DEFAULT,
        Map.of(),
        Optional.empty());
  }

  /** Returns the same request by rules with shares, which may go on with what is there. */
  public PruneRequest with(PruningRules shared, String label, boolean begun) {
    return new PruneRequest(
        output,
        shared,
        choice,
        calibration,
        verify,
        begun,
        label,
        masks,
        packed,
        card,
        storage,
        files,
        smaller);
  }

  /**
   * How a run uses the disk; its result doesn't depend on it.
   *
   * @param saveEvery how much work of a calibrated run may pass until its hidden states are saved
   */
  public record Storage(IoMode io, Duration saveEvery) {
    /** What suits most runs. */
    public static final Storage DEFAULT = new Storage(IoMode.AUTO, Duration.ofSeconds(300));
  }

  /**
   * Masks that a run takes from files, or from the zeros of pruned models.
   *
   * @param sha256 gives a SHA-256 of the files' bytes, in hexadecimal, once they are all read
   */
  public record MasksIn(ModuleMasks masks, Supplier<String> sha256) implements AutoCloseable {
    /** Returns what writes a module's mask, if masks are given. */
    public static Optional<Consumer<MemorySegment>> of(
        Optional<MasksIn> given, LinearModule module) {
      return given.map(in -> mask -> in.masks().read(module, mask));
    }

    @Override
    public void close() {
      masks.close();
    }
  }
}
