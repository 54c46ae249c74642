package io.github.wandacuda.job.prune;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.SampleBatch;
import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.job.cluster.CalibrationStep.CalibrationRun;
import io.github.wandacuda.job.cluster.ClusterCalibration;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.cluster.RunDescription;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.CardFront;
import io.github.wandacuda.job.output.ModuleFiles;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.output.SavedBlocks;
import io.github.wandacuda.job.output.SavedSteps;
import io.github.wandacuda.job.pack.Packing;
import io.github.wandacuda.job.pack.Packing.PackedOutput;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.job.record.SourceDigest;
import io.github.wandacuda.job.verify.EarlierOutput;
import io.github.wandacuda.job.verify.TensorDigest;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.system.BackgroundWork;
import io.github.wandacuda.system.SpaceCheck;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A new directory, or that of an interrupted run. Its {@code config.json}, index and {@code
 * wanda-cuda.json} are written last, after the rest was checked, so a directory that has them is
 * complete.
 *
 * <p>A run that is interrupted, or that lacks space, rights, memory or a device, keeps what it has
 * finished, so that it can be resumed. A run that finds its input broken or its output wrong
 * deletes everything.
 */
record DirectoryTarget(RunScope scope, Optional<OnCluster> cluster, SideFiles sideFiles)
    implements PruneTarget {
  private static final Logger LOG = LoggerFactory.getLogger(DirectoryTarget.class);

  /** The part of a calibrated run's fingerprint on which its last bits depend. */
  static final String ARITHMETIC = "backend";

  DirectoryTarget(RunScope scope, Optional<OnCluster> cluster) {
    this(
        scope,
        cluster,
        CardFront.files(
            SideFiles.of(scope.model().checkpoint(), scope.request().output()),
            scope.request().card()));
  }

  @Override
  public RunNeeds needs(Backend backend) {
    return RunNeeds.of(scope, sideFiles, backend);
  }

  @Override
  public long diskBytes(RunNeeds needs) {
    return needs.writeBytes()
        + needs.packingBytes()
        + needs.maskBytes()
        + sharedBytes(needs)
        - SpaceCheck.taken(path());
  }

  /**
   * Returns the bytes that processes of a cluster exchange by the output's disk: a block's inputs,
   * and modules with their masks.
   */
  private long sharedBytes(RunNeeds needs) {
    if (cluster.isEmpty()
        || !scope.rules().needMoments()
        || !(scope.request().calibration() instanceof Calibration.FromSamples samples)) {
      return 0;
    }
    long tokens = (long) samples.samples().size() * samples.sequenceLength();
    return scope.chosen().stream().mapToLong(module -> module.tensor().bytes()).sum()
        + needs.maskBytes()
        + RunNeeds.inputBytes(scope.chosen(), tokens);
  }

  /** {@inheritDoc} On a cluster, other machines hold the weights and the hidden states. */
  @Override
  public long memoryBytes(RunNeeds needs) {
    return cluster.isPresent() ? 0 : needs.memoryBytes() + needs.savingBytes();
  }

  @Override
  public RunResult run(PruneTarget.Tools tools) {
    Fingerprint cause = Fingerprint.of(tools.plan()).with(form(scope.request().packed()));
    try (OutputDirectory output = directory()) {
      output.endEarlier(record -> firstFailure(cause, record, tools));
      Fingerprint fingerprint = begin(cause, output, tools.backend());
      if (output.finished().isPresent()) {
        return new RunResult(
            output.finished().get().ofPruning(), List.of(), tools.clock().seconds(), null);
      }
      tools.readSource(scope);
      try {
        return run(output, fingerprint, tools);
      } catch (RuntimeException | Error e) {
        output.settle(e);
        throw e;
      }
    }
  }

  /**
   * Checks what an earlier run has written, and refuses that of another run.
   *
   * @return what is wrong first, or nothing
   */
  private Optional<String> firstFailure(
      Fingerprint cause, Provenance record, PruneTarget.Tools tools) {
    boolean packed = ModelConfig.read(path()).packed();
    cause.requireSame(path(), Fingerprint.of(record).with(form(packed)));
    return EarlierOutput.firstFailure(
        whole(), path(), record, scope.request().verify(), tools.progress());
  }

  /** Returns the whole source, even if parts of it were removed first. */
  private ModelDirectory whole() {
    return scope.request().smaller().map(SmallerModel::dense).orElse(scope.model());
  }

  private RunResult run(OutputDirectory output, Fingerprint fingerprint, PruneTarget.Tools tools) {
    PackedOutput packed = new PackedOutput(scope.model(), output, tools.workers());
    sideFiles.warnOfLeftOut("the output has no use for it");
    output.requireNoneAdded();
    if (output.interrupted().isPresent()) {
      packed.unpack();
    }
    Written written =
        cluster.isPresent()
            ? new ClusterPass(scope, cluster.get(), output, tools).run(fingerprint)
            : new LocalPass(scope, needs(tools.backend()), output, tools).run();
    long complete = System.nanoTime();
    output.copyFiles();
    PruningRecord record =
        tools
            .plan()
            .with(written.results(), written.masks())
            .withFitted(
                TensorDigest.all(
                    scope.model().checkpoint().shards(),
                    output.path(),
                    scope.fitted(written.results()),
                    tools.workers()));
    tools.clock().addComplete(System.nanoTime() - complete);
    RunResult result = new RunResult(record, written.results(), tools.clock().seconds(), null);
    tools.beforeEnd().accept(result);
    boolean packs = scope.request().packed();
    if (packs) {
      packed.pack(scope.request().verify());
    }
    sideFiles.lastFiles().stream()
        .filter(file -> !packs || !file.equals(Path.of(SideFiles.CONFIG)))
        .forEach(output::copy);
    if (packs) {
      Packing.PACK.writeConfig(scope.model(), output);
    }
    output.finish(whole(), record);
    tools.clock().addComplete(System.nanoTime() - complete);
    return result;
  }

  /** Makes the directory, or opens that of an interrupted run. */
  private OutputDirectory directory() {
    OutputDirectory output =
        OutputDirectory.open(
            path(), sideFiles, scope.model().checkpoint(), scope.request().resume());
    Path unused = output.file(Path.of(SavedSteps.FILE_NAME));
    return output;
  }

  /** Searches for steps before the run, continuing a search that was interrupted. */
  <T> T search(List<Boolean> stages, Backend backend, Function<SavedSteps, T> search) {
    Fingerprint fingerprint =
        Fingerprint.of(PruningRecord.planned(scope.request(), scope.chosen(), null))
            .with(Map.of("atp", stages.toString()))
            .with(SourceDigest.byFile(scope.model()))
            .with(arithmetic(backend));
    try (OutputDirectory output = directory()) {
      if (output.finished().isPresent()) {
        return search.apply(SavedSteps.none());
      }
      SavedSteps steps = SavedSteps.in(path(), fingerprint);
      try {
        return search.apply(steps);
      } catch (RuntimeException | Error e) {
        if (output.interrupted().isEmpty()) {
          output.settle(e);
        }
        throw e;
      }
    }
  }

  /**
   * Begins the run, or checks that the interrupted run there is the same.
   *
   * @return the run's fingerprint
   */
  private Fingerprint begin(Fingerprint cause, OutputDirectory output, Backend backend) {
    if (output.finished().isPresent()) {
      boolean packed = ModelConfig.read(path()).packed();
      cause.requireSame(path(), Fingerprint.of(output.finished().get()).with(form(packed)));
      return cause;
    }
    Fingerprint all = cause.with(SourceDigest.byFile(scope.model())).with(arithmetic(backend));
    output.begin(all);
    return all;
  }

  /** Returns the parts of the fingerprint that depend on the output's form, not on its content. */
  private static Map<String, String> form(boolean packed) {
    return packed ? Map.of("packed", "true") : Map.of();
  }

  /**
   * Returns the parts of the fingerprint on which a calibrated run's bytes depend beside its input.
   */
  private Map<String, String> arithmetic(Backend backend) {
    if (!scope.isCalibrated()) {
      return Map.of();
    }
    return Map.of(ARITHMETIC, cluster.map(OnCluster::arithmetic).orElseGet(backend::arithmetic));
  }

  /**
   * What was written.
   *
   * @param results of the chosen modules
   * @param masks the digest of their masks, or null if it isn't known yet
   */
  record Written(List<ModuleResult> results, String masks) {}

  /**
   * Writes a run's shards on a cluster, keeps the journal of it, and combines what the machines
   * found. It works in the run's own process, which reads and writes no weights. The norms of
   * samples are kept beside the journal until the run ends: a resumed run begins at the block whose
   * states were saved last, and doesn't run samples again if it has all norms.
   */
  private record ClusterPass(
      RunScope scope, OnCluster on, OutputDirectory output, PruneTarget.Tools tools) {
    /** Writes and checks all shards; the results are in the natural order of their names. */
    DirectoryTarget.Written run(Fingerprint fingerprint) {
      boolean resumed = output.interrupted().isPresent();
      RunDescription run =
          RunDescription.of(scope, tools.plan(), scope.request().verify() || resumed, on.devices());
      ModuleFiles pruned = new ModuleFiles(output.path(), scope.chosen());
      if (run.byMoments()) {
        scope.chosen().forEach(module -> output.file(output.path().relativize(pruned.of(module))));
      }
      Map<String, float[]> calibrated = calibrate(run, fingerprint);
      ShardPass pass =
          new ShardPass(
              scope,
              tools,
              module -> calibrated.isEmpty() ? scope.norms(module) : calibrated.get(module.name()));
      write(run, pass);
      List<ModuleResult> modules = pass.modules();
      String masks = pass.digest();
      if (scope.request().calibration() instanceof Calibration.FromSamples samples) {
        saves(samples).remove();
      }
      if (run.byMoments()) {
        scope.chosen().forEach(module -> OutputDirectory.removeFile(pruned.of(module)));
      }
      pass.check(tools.plan().with(modules, masks));
      return new DirectoryTarget.Written(modules, masks);
    }

    /**
     * Writes and checks all shards.
     *
     * @param pass takes their results
     */
    private void write(RunDescription run, ShardPass pass) {
      List<SafetensorsFile> shards = scope.model().checkpoint().shards();
      for (SafetensorsFile shard : shards) {
        output.file(shard.path().getFileName());
        Path masks = ShardPass.ShardMasks.file(output.path(), shard.fileName());
        output.file(output.path().relativize(masks));
      }
      Set<String> nodes = new HashSet<>();
      // On a thread that is never interrupted, as the journal requires.
      try (BackgroundWork journal = new BackgroundWork("wanda-cuda-journal")) {
        pass.run(
            on.cluster(),
            "prune %s to %s".formatted(scope.model().path(), output.path()),
            run,
            shards,
            this::earlier,
            result -> {
              if (nodes.add(result.node())) {
                LOG.info("{}", result.node());
              }
              if (result.written()) {
                result
                    .tensors()
                    .forEach(
                        tensor -> journal.submit(() -> output.journal().append(tensor.record())));
              }
            });
        journal.submit(output.journal()::force);
        journal.await();
      }
    }

    private List<RunRecords.Tensor> earlier(SafetensorsFile shard) {
      return output
          .interrupted()
          .flatMap(records -> records.all(shard, scope.modules(shard)))
          .orElse(List.of());
    }

    /**
     * Runs samples.
     *
     * @return norms by module; none for a run without samples
     */
    private Map<String, float[]> calibrate(RunDescription run, Fingerprint fingerprint) {
      if (!(scope.request().calibration() instanceof Calibration.FromSamples samples)) {
        return Map.of();
      }
      try (Decoder decoder = DecoderFamilies.open(scope.model(), tools.backend().operations())) {
        BlockPass.requireInside(scope.chosen(), decoder);
      }
      long start = System.nanoTime();
      Statistics statistics =
          new ClusterCalibration(
                  on,
                  scope.model(),
                  new CalibrationRun(
                      OnCluster.SharedSource.of(scope.model()),
                      fingerprint.parts().get(DirectoryTarget.ARITHMETIC),
                      on.devices(),
                      run),
                  run.byMoments() ? scope.chosen() : List.of(),
                  Optional.of(saves(samples)),
                  new HashSet<>())
              .run(samples.samples(), tools.progress());
      tools.clock().addCalibrate(System.nanoTime() - start);
      return statistics.norms();
    }

    private SavedBlocks saves(Calibration.FromSamples samples) {
      return new SavedBlocks(
          output,
          scope.request().storage().saveEvery(),
          SampleBatch.of(samples.samples(), DecoderFamilies.batchTokens(scope.model())),
          DecoderFamilies.shape(scope.model()).hiddenSize());
    }
  }
}
