package io.github.wandacuda.job.cluster;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BatchRunner;
import io.github.wandacuda.calibration.HiddenStates;
import io.github.wandacuda.calibration.InputNorms.BatchSquares;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.KeptOpen;
import io.github.wandacuda.cluster.KeptStates.ClusterStep;
import io.github.wandacuda.cluster.KeptStates.ClusterStep.Stepped;
import io.github.wandacuda.io.SharedFile;
import io.github.wandacuda.job.output.ModuleFiles;
import io.github.wandacuda.job.output.SavedBlocks;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.InputObserver;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.PruningRules;
import java.io.Serializable;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Takes a batch to a block, where its inputs are summed. Before, the batch leaves the block before
 * this one, which is pruned by then. For the dense model, the batch also runs through the block
 * itself.
 *
 * @param run the samples' run
 * @param block the block's number
 * @param norms of the block before, with which each process prunes that block for itself; empty for
 *     the dense model and for the first block
 * @param saved whether the batch's states at the block are saved
 */
public record CalibrationStep(
    CalibrationRun run, int block, Map<String, float[]> norms, boolean saved)
    implements ClusterStep<CalibrationStep.BatchStates, CalibrationStep.BatchResult> {
  /** Takes a map that travels. */
  public CalibrationStep {
    norms = new TreeMap<>(norms);
  }

  @Override
  public Stepped<BatchStates, BatchResult> run(BatchStates state, ClusterNode node) {
    return node.open().get(run, () -> Worker.open(run, node)).run(this, state, node);
  }

  /**
   * A batch between two blocks.
   *
   * @param states their hidden states, [tokens, hidden size], or null before they are embedded, or
   *     read from where an interrupted run has saved them
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as it is, never compared.
  public record BatchStates(SampleBatch batch, float[] states) implements Serializable {}

  /** The sums of a block's inputs over a batch; for second moments also where the inputs lie. */
  record BatchResult(
      int batch,
      int samples,
      BatchSquares squares,
      Map<String, Integer> inputFeatures,
      List<BatchInputs.InputSlice> inputs,
      String node)
      implements Serializable {
    /** Takes a map that travels. */
    BatchResult {
      inputFeatures = new TreeMap<>(inputFeatures);
      inputs = List.copyOf(inputs);
    }
  }

  /**
   * All that a process on another machine has to know to run samples through a model.
   *
   * @param pruned the run that prunes each block before samples leave it, or null for the dense
   *     model
   */
  public record CalibrationRun(
      OnCluster.SharedSource source,
      String arithmetic,
      OnCluster.Devices devices,
      RunDescription pruned)
      implements Serializable {}

  /**
   * A process of a cluster that runs samples: it holds the source and a device open, and two
   * blocks, the one that batches come out of and the one that they come to.
   */
  static final class Worker implements AutoCloseable {
    private final CalibrationRun run;
    private final ModelDirectory model;
    private final Backend backend;
    private final Decoder decoder;
    private final List<LinearModule> chosen;
    private final PrunedBlocks pruned;
    private final KeptOpen runner = new KeptOpen();
    private final KeptOpen into = new KeptOpen();
    private int tokens;

    private Worker(CalibrationRun run, ModelDirectory model, Backend backend) {
      this.run = run;
      this.model = model;
      this.backend = backend;
      decoder = DecoderFamilies.open(model, backend.operations());
      if (run.pruned() == null) {
        chosen = List.of();
        pruned = null;
        return;
      }
      PruningRules rules = run.pruned().rules();
      chosen =
          model.choose(run.pruned().plan().ofPruning().choice()).stream()
              .filter(rules::areFor)
              .toList();
      pruned = new PrunedBlocks(run.pruned(), rules, chosen, backend, decoder);
    }

    static Worker open(CalibrationRun run, ClusterNode node) {
      if (run.pruned() != null) {
        run.pruned().requireShared(node.name());
      }
      return run.devices()
          .open(
              run.source(),
              node,
              run.arithmetic(),
              (model, backend) -> new Worker(run, model, backend));
    }

    Stepped<BatchStates, BatchResult> run(
        CalibrationStep step, BatchStates before, ClusterNode node) {
      node.throwIfCancelled();
      SampleBatch batch = before.batch();
      BatchRunner device = runner(batch.tokens());
      try (HiddenStates states =
          new HiddenStates(backend.operations(), batch.tokens(), decoder.hiddenSize())) {
        if (before.states() != null) {
          states.load(all -> all.copyFrom(MemorySegment.ofArray(before.states())));
        } else if (step.block() > 0) {
          Path saved = SavedBlocks.states(output(), step.block() - 1, batch.index());
          states.load(all -> SharedFile.read(saved, "hidden states as they were written", all));
        }
        bring(step, batch, device, states);
        node.throwIfCancelled();
        Block block = block(step.block());
        Observed observed = observe(step, batch, device, block, states, node);
        if (step.saved()) {
          run.pruned().requireWanted(node);
          Path temporary = run.pruned().temporary();
          Path name = SavedBlocks.states(output(), step.block(), batch.index());
          SharedFile.write(temporary, name, states.all());
        }
        return new Stepped<>(
            new BatchStates(batch, states.all().toArray(ValueLayout.JAVA_FLOAT)),
            new BatchResult(
                batch.index(),
                batch.samples().size(),
                observed.squares(),
                block.inputFeatures(),
                observed.inputs(),
                place(node)));
      }
    }

    private Path output() {
      return Path.of(run.pruned().output());
    }

    private String place(ClusterNode node) {
      return "%s on %s, %s".formatted(node.name(), backend.name(), backend.device());
    }

    /** The sums of a block's inputs over a batch, and where the inputs are if they are needed. */
    private record Observed(BatchSquares squares, List<BatchInputs.InputSlice> inputs) {}

    private Observed observe(
        CalibrationStep step,
        SampleBatch batch,
        BatchRunner device,
        Block block,
        HiddenStates states,
        ClusterNode node) {
      boolean dense = run.pruned() == null;
      Set<String> wanted = dense || !run.pruned().byMoments() ? Set.of() : wanted(block);
      if (wanted.isEmpty()) {
        return new Observed(
            device.observe(block, batch, states, 0, dense, InputObserver.NONE), List.of());
      }
      try (BatchInputs inputs =
          new BatchInputs(backend.operations(), wanted, batch.index(), run.pruned().temporary())) {
        BatchSquares squares = device.observe(block, batch, states, 0, false, inputs);
        run.pruned().requireWanted(node);
        Path file = BatchInputs.file(output(), step.block(), batch.index());
        return new Observed(squares, inputs.publish(file));
      }
    }

    /**
     * Returns the modules whose inputs are needed: none if the block's modules are pruned already
     * and its batches only run again because a process was lost.
     */
    private Set<String> wanted(Block block) {
      ModuleFiles files = new ModuleFiles(output(), chosen);
      return chosen.stream()
          .filter(module -> block.inputFeatures().containsKey(module.name()))
          .filter(module -> !Files.exists(files.of(module)))
          .map(LinearModule::name)
          .collect(Collectors.toUnmodifiableSet());
    }

    /**
     * Prunes modules by their second moments.
     *
     * @return the process and the device, for people
     */
    String prune(PrunedBlocks.GroupTask task, ClusterNode node) {
      pruned.prune(task, node);
      return place(node);
    }

    private void bring(
        CalibrationStep step, SampleBatch batch, BatchRunner device, HiddenStates states) {
      if (step.block() == 0) {
        device.embed(batch, states, 0);
      } else if (run.pruned() != null) {
        Block out = pruned.block(step.block() - 1, step.norms());
        device.advance(out, batch, states, 0, InputObserver.NONE);
      }
    }

    /** Returns a runner for at least so many tokens. */
    private BatchRunner runner(int needed) {
      tokens = Math.max(tokens, needed);
      return runner.get(tokens, () -> new BatchRunner(decoder, tokens));
    }

    private Block block(int index) {
      return into.get(index, () -> decoder.block(index));
    }

    @Override
    public void close() {
      into.close();
      runner.close();
      if (pruned != null) {
        pruned.close();
      }
      decoder.close();
      backend.close();
      model.close();
    }
  }
}
