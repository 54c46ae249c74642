package io.github.wandacuda.job.shard;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.BatchRunner;
import io.github.wandacuda.calibrate.BatchSquares;
import io.github.wandacuda.calibrate.HiddenStates;
import io.github.wandacuda.calibrate.SampleBatch;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterStep.Stepped;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.decoder.Block;
import io.github.wandacuda.model.decoder.Decoder;
import io.github.wandacuda.model.decoder.InputObserver;
import io.github.wandacuda.model.family.DecoderFamilies;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A process of a cluster that runs samples: it holds the source and a device open, and two blocks,
 * the one that batches come out of and the one that they come to.
 */
final class CalibrationWorker implements AutoCloseable {
  private static final int NONE = -1;

  private final CalibrationRun run;
  private final ModelDirectory model;
  private final Backend backend;
  private final Decoder decoder;
  private final PrunedBlocks pruned;
  private BatchRunner runner;
  private int tokens;
  private Block into;
  private int intoIndex = NONE;

  private CalibrationWorker(CalibrationRun run, ModelDirectory model, Backend backend) {
    this.run = run;
    this.model = model;
    this.backend = backend;
    decoder = DecoderFamilies.open(model, backend.operations());
    pruned = run.pruned() == null ? null : new PrunedBlocks(run.pruned(), model, backend, decoder);
  }

  /**
   * Opens what a run needs.
   *
   * @throws io.github.wandacuda.error.InputException if the source isn't here, or is another one
   * @throws io.github.wandacuda.error.OutputException if the output directory isn't the one that
   *     the run has begun
   * @throws io.github.wandacuda.error.BackendUnavailableException if there is no such device, or
   *     one that computes other bits
   */
  static CalibrationWorker open(CalibrationRun run, ClusterNode node) {
    if (run.pruned() != null) {
      run.pruned().requireShared(node.name());
    }
    ModelDirectory model = run.openModel();
    try {
      Backend backend = run.devices().open(node);
      try {
        run.requireSame(backend.arithmetic(), node.name());
        return new CalibrationWorker(run, model, backend);
      } catch (RuntimeException | Error e) {
        backend.close();
        throw e;
      }
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
  }

  /** Does a step for a batch. */
  Stepped<BatchStates, BatchResult> run(
      CalibrationStep step, BatchStates before, ClusterNode node) {
    node.throwIfCancelled();
    SampleBatch batch = before.batch();
    BatchRunner device = runner(batch.tokens());
    try (HiddenStates states =
        new HiddenStates(backend.operations(), batch.tokens(), decoder.hiddenSize())) {
      if (before.states() != null) {
        states.load(all -> all.copyFrom(MemorySegment.ofArray(before.states())));
      }
      bring(step, batch, device, states);
      node.throwIfCancelled();
      Block block = block(step.block());
      BatchSquares squares =
          run.pruned() == null
              ? device.observeAndAdvance(block, batch, states, 0, InputObserver.NONE)
              : device.observe(block, batch, states, 0, InputObserver.NONE);
      return new Stepped<>(
          new BatchStates(batch, states.all().toArray(ValueLayout.JAVA_FLOAT)),
          new BatchResult(
              batch.index(),
              batch.samples().size(),
              squares,
              block.inputFeatures(),
              "%s on %s, %s".formatted(node.name(), backend.name(), backend.device())));
    }
  }

  /** Brings a batch to the block of a step. */
  private void bring(
      CalibrationStep step, SampleBatch batch, BatchRunner device, HiddenStates states) {
    if (step.block() == 0) {
      device.embed(batch, states, 0);
    } else if (run.pruned() != null) {
      Block out = pruned.block(step.block() - 1, step.norms());
      device.advance(out, batch, states, 0, InputObserver.NONE);
    }
  }

  private BatchRunner runner(int needed) {
    if (needed > tokens) {
      closeRunner();
      runner = new BatchRunner(decoder, backend.operations(), needed);
      tokens = needed;
    }
    return runner;
  }

  private Block block(int index) {
    if (index != intoIndex) {
      closeInto();
      into = decoder.block(index);
      intoIndex = index;
    }
    return into;
  }

  private void closeInto() {
    if (into != null) {
      into.close();
      into = null;
      intoIndex = NONE;
    }
  }

  private void closeRunner() {
    if (runner != null) {
      runner.close();
      runner = null;
      tokens = 0;
    }
  }

  @Override
  public void close() {
    closeInto();
    closeRunner();
    if (pruned != null) {
      pruned.close();
    }
    decoder.close();
    backend.close();
    model.close();
  }
}
