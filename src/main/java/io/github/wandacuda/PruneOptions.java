package io.github.wandacuda;

import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * What a call may be asked for beyond the pruning itself. Immutable; each {@code with…} returns a
 * changed copy.
 */
public final class PruneOptions {
  /** No mask, all-zero norms are rejected, weights are checked as they are pruned. */
  public static final PruneOptions DEFAULT =
      new PruneOptions(null, ZeroNorms.REJECT, false, null, null);

  private final Mask mask;
  private final ZeroNorms zeroNorms;
  private final boolean weightsChecked;
  private final PruneProgress progress;
  private final BooleanSupplier cancellation;

  private PruneOptions(
      Mask mask,
      ZeroNorms zeroNorms,
      boolean weightsChecked,
      PruneProgress progress,
      BooleanSupplier cancellation) {
    this.mask = mask;
    this.zeroNorms = zeroNorms;
    this.weightsChecked = weightsChecked;
    this.progress = progress;
    this.cancellation = cancellation;
  }

  /**
   * Has the call write the mask too.
   *
   * @param mask of the matrix's shape, overwritten; null for none
   * @return a changed copy
   */
  public PruneOptions withMask(Mask mask) {
    return new PruneOptions(mask, zeroNorms, weightsChecked, progress, cancellation);
  }

  /**
   * Says what is done where all norms are zero.
   *
   * @param policy what is done
   * @return a changed copy
   * @throws NullPointerException if {@code policy} is null
   */
  public PruneOptions withZeroNorms(ZeroNorms policy) {
    Objects.requireNonNull(policy, "policy");
    return new PruneOptions(mask, policy, weightsChecked, progress, cancellation);
  }

  /**
   * Has all weights read for NaN and infinities before the first byte changes. Otherwise such a
   * weight is found when its row is pruned, and other rows may be pruned by then.
   *
   * @param first whether to
   * @return a changed copy
   */
  public PruneOptions withWeightsChecked(boolean first) {
    return new PruneOptions(mask, zeroNorms, first, progress, cancellation);
  }

  /**
   * Has the call tell how far it is.
   *
   * @param progress called from any of the call's threads; null for none
   * @return a changed copy
   */
  public PruneOptions withProgress(PruneProgress progress) {
    return new PruneOptions(mask, zeroNorms, weightsChecked, progress, cancellation);
  }

  /**
   * Lets the call be cancelled, as an interrupt of the calling thread does too.
   *
   * @param isCancelled asked before every few rows, by any of the call's threads; null for none
   * @return a changed copy
   */
  public PruneOptions withCancellation(BooleanSupplier isCancelled) {
    return new PruneOptions(mask, zeroNorms, weightsChecked, progress, isCancelled);
  }

  /** Returns what is asked for; of progress and cancellation, whether they are. */
  @Override
  public String toString() {
    return "PruneOptions[mask %s, zero norms %s, weights checked %s, progress %s, cancellation %s]"
        .formatted(mask, zeroNorms, weightsChecked, progress != null, cancellation != null);
  }

  /** {@return the mask to write, or null} */
  public Mask mask() {
    return mask;
  }

  /** {@return what is done where all norms are zero} */
  public ZeroNorms zeroNorms() {
    return zeroNorms;
  }

  /** {@return whether all weights are read for NaN and infinities first} */
  public boolean weightsChecked() {
    return weightsChecked;
  }

  /** {@return what hears how far the call is, or null} */
  public PruneProgress progress() {
    return progress;
  }

  /** {@return what is asked whether to stop, or null} */
  public BooleanSupplier cancellation() {
    return cancellation;
  }
}
