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
 * @param rules what is done to modules
 * @param choice which modules
 * @param calibration where norms come from
 * @param verify whether the written output is checked before it is declared finished
 * @param resume whether an interrupted or finished run may be in the output
 * @param allocation how the total is shared out over modules, or null if all get the same
 * @param masks the masks of {@link Method#MASKS}
 * @param packed whether the output is packed in the end
 * @param card whether it gets a model card that says what was done
 * @param storage how the disk is used
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
  /**
   * Begins a request by its output and rules. Everything else is as in most runs: all modules, no
   * calibration, a check of what was written, and a new output without a card.
   */
  public static Builder of(Path output, PruningRules rules) {
    return new Builder(output, rules);
  }

  /** Returns a builder with this request's values, to change some of them. */
  public Builder toBuilder() {
    return new Builder(output, rules)
        .choice(choice)
        .calibration(calibration)
        .verify(verify)
        .resume(resume)
        .allocation(allocation)
        .masks(masks)
        .packed(packed)
        .card(card)
        .storage(storage)
        .files(files)
        .smaller(smaller);
  }

  /**
   * Returns the same request with shares.
   *
   * @param shared the rules with them
   * @param label how the total was shared out
   * @param begun whether the output may have been begun while the shares were found
   */
  public PruneRequest with(PruningRules shared, String label, boolean begun) {
    Builder builder = toBuilder();
    builder.rules = shared;
    return builder.allocation(label).resume(begun).build();
  }

  /** Collects a request's values, each named where it is given. */
  public static final class Builder {
    private final Path output;
    private PruningRules rules;
    private ModuleChoice choice = ModuleChoice.DEFAULT;
    private Calibration calibration = new Calibration.None();
    private boolean verify = true;
    private boolean resume;
    private String allocation;
    private Optional<MasksIn> masks = Optional.empty();
    private boolean packed;
    private boolean card;
    private Storage storage = Storage.DEFAULT;
    private Map<String, List<Path>> files = Map.of();
    private Optional<SmallerModel> smaller = Optional.empty();

    private Builder(Path output, PruningRules rules) {
      this.output = output;
      this.rules = rules;
    }

    public Builder choice(ModuleChoice choice) {
      this.choice = choice;
      return this;
    }

    public Builder calibration(Calibration calibration) {
      this.calibration = calibration;
      return this;
    }

    public Builder verify(boolean verify) {
      this.verify = verify;
      return this;
    }

    public Builder resume(boolean resume) {
      this.resume = resume;
      return this;
    }

    public Builder allocation(String allocation) {
      this.allocation = allocation;
      return this;
    }

    public Builder masks(Optional<MasksIn> masks) {
      this.masks = masks;
      return this;
    }

    public Builder packed(boolean packed) {
      this.packed = packed;
      return this;
    }

    public Builder card(boolean card) {
      this.card = card;
      return this;
    }

    public Builder storage(Storage storage) {
      this.storage = storage;
      return this;
    }

    public Builder files(Map<String, List<Path>> files) {
      this.files = files;
      return this;
    }

    public Builder smaller(Optional<SmallerModel> smaller) {
      this.smaller = smaller;
      return this;
    }

    public PruneRequest build() {
      return new PruneRequest(
          output,
          rules,
          choice,
          calibration,
          verify,
          resume,
          allocation,
          masks,
          packed,
          card,
          storage,
          files,
          smaller);
    }
  }

  /**
   * How a run uses the disk; its result doesn't depend on it.
   *
   * @param io how files are read and written
   * @param saveEvery how much work of a calibrated run may pass until its hidden states are saved
   */
  public record Storage(IoMode io, Duration saveEvery) {
    /** What suits most runs. */
    public static final Storage DEFAULT = new Storage(IoMode.AUTO, Duration.ofSeconds(300));
  }

  /**
   * Masks that a run takes from files, or from the zeros of pruned models.
   *
   * @param masks closed with this
   * @param sha256 returns a SHA-256 of the files' bytes, in hexadecimal, once all of them are read
   */
  public record MasksIn(ModuleMasks masks, Supplier<String> sha256) implements AutoCloseable {
    /** Returns a function that writes a module's packed mask, if masks are given. */
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
