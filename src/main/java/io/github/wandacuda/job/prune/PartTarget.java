package io.github.wandacuda.job.prune;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.cluster.RunDescription;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.output.JournalLines;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.RunRecords;
import io.github.wandacuda.job.output.SharedOutput;
import io.github.wandacuda.job.prune.ShardPass.ShardResult;
import io.github.wandacuda.job.record.Fingerprint;
import io.github.wandacuda.job.record.Part;
import io.github.wandacuda.job.record.Provenance;
import io.github.wandacuda.job.record.PruningRecord;
import io.github.wandacuda.job.record.RunResult;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.verify.EarlierOutput;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.job.verify.TensorDigest;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.recipe.ModuleResult;
import io.github.wandacuda.system.Sha256;
import io.github.wandacuda.system.Workers;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The shards of a {@link SharedOutput} that one part of a run prunes.
 *
 * @param scope of the whole run
 * @param process this process, as a cluster of one
 * @param whole the target of the whole run
 * @param output which the parts share
 */
record PartTarget(RunScope scope, OnCluster process, DirectoryTarget whole, SharedOutput output)
    implements PruneTarget {
  static PartTarget of(RunScope scope, Part part, OnCluster process) {
    DirectoryTarget whole = new DirectoryTarget(scope, Optional.empty());
    ModelDirectory model = scope.model();
    SharedOutput output =
        new SharedOutput(whole.path(), part, model, model.checkpoint(), whole.sideFiles());
    return new PartTarget(scope, process, whole, output);
  }

  @Override
  public RunNeeds needs(Backend backend) {
    return whole.needs(backend);
  }

  /** {@inheritDoc} Counts what all parts write, since they write to the same disk. */
  @Override
  public long diskBytes(RunNeeds needs) {
    return whole.diskBytes(needs);
  }

  /** Returns what is wrong first with an output that lacks only its last step. */
  private Optional<String> earlierFailure(Provenance record) {
    return EarlierOutput.firstFailure(
        scope.model(), output.path(), record, scope.request().verify(), Progress.NONE);
  }

  @Override
  public RunResult run(PruneTarget.Tools tools) {
    PruningRecord plan = tools.plan();
    Fingerprint fingerprint = output.fingerprint(plan);
    ShardRecords records = ShardRecords.of(scope, fingerprint);
    List<SafetensorsFile> share = output.part().shareOf(scope.model().checkpoint().shards());
    ShardPass own = new ShardPass(scope, tools, scope::norms);
    return output.run(
        plan,
        fingerprint,
        this::earlierFailure,
        there ->
            new RunResult(
                there.ofPruning(),
                List.of(),
                tools.clock().seconds(),
                Part.PartState.end(output.part())),
        () -> {
          tools.readSource(scope);
          own.run(
              process.cluster(),
              "prune " + output.part(),
              RunDescription.of(scope, plan, scope.request().verify(), process.devices()),
              share,
              shard -> records.read(shard).map(ShardPass.ShardResult::tensors).orElse(List.of()),
              records::write);
        },
        directory -> {
          ShardPass all = new ShardPass(scope, tools, scope::norms);
          Part.PartState state = look(records, all);
          return state.finished()
              ? complete(tools, all, directory, state)
              : partly(tools, share, own.modules(), state);
        });
  }

  private RunResult partly(
      PruneTarget.Tools tools,
      List<SafetensorsFile> share,
      List<ModuleResult> results,
      Part.PartState state) {
    List<LinearModule> modules =
        share.stream().flatMap(shard -> scope.modules(shard).stream()).toList();
    PruningRecord record =
        PruningRecord.planned(scope.request(), modules, tools.plan().sourceSha256());
    return new RunResult(record.with(results, null), results, tools.clock().seconds(), state);
  }

  /**
   * Returns which parts are done, under the journal's lock; finished if this part is the last one.
   */
  private Part.PartState look(ShardRecords records, ShardPass all) {
    List<SafetensorsFile> shards = scope.model().checkpoint().shards();
    Set<SafetensorsFile> missing = new HashSet<>();
    for (SafetensorsFile shard : shards) {
      records.read(shard).ifPresentOrElse(all::take, () -> missing.add(shard));
    }
    List<List<SafetensorsFile>> shares = output.part().shares(shards);
    return output.state(part -> shares.get(part - 1).stream().noneMatch(missing::contains));
  }

  private RunResult complete(
      PruneTarget.Tools tools, ShardPass all, OutputDirectory directory, Part.PartState state) {
    SideFiles sideFiles = whole.sideFiles();
    sideFiles.warnOfLeftOut("the output has no use for it");
    checkOthers(tools, all);
    List<ModuleResult> modules = all.modules();
    PruningRecord record =
        tools
            .plan()
            .with(modules, all.digest())
            .withFitted(
                TensorDigest.all(
                    scope.model().checkpoint().shards(),
                    output.path(),
                    scope.fitted(modules),
                    tools.workers()));
    all.check(record);
    directory.copyFiles();
    RunResult result = new RunResult(record, modules, tools.clock().seconds(), state);
    tools.beforeEnd().accept(result);
    sideFiles.lastFiles().forEach(directory::copy);
    directory.finish(scope.model(), record);
    return result;
  }

  /**
   * Reads the shards of other parts back and compares them with the checksums of what these parts
   * wrote, since they may have been damaged since. This part's own were just checked.
   */
  private void checkOthers(PruneTarget.Tools tools, ShardPass all) {
    if (!scope.request().verify()) {
      output.warnUnchecked();
      return;
    }
    long start = System.nanoTime();
    List<SafetensorsFile> shards = scope.model().checkpoint().shards();
    List<SafetensorsFile> own = output.part().shareOf(shards);
    for (SafetensorsFile shard : shards) {
      if (!own.contains(shard)) {
        checkOther(shard, all.tensors(shard), tools.workers());
      }
    }
    tools.clock().addVerify(System.nanoTime() - start);
  }

  private void checkOther(SafetensorsFile shard, List<RunRecords.Tensor> records, Workers workers) {
    Path file = output.path().resolve(shard.fileName());
    try (WrittenShard written = WrittenShard.open(file, shard).orElse(null)) {
      if (written == null || !written.isWhole()) {
        throw output.damaged(shard, ErrorDetails.file(file));
      }
      List<RunRecords.Tensor> stored =
          records.stream()
              .filter(record -> shard.tensor(record.name()).orElseThrow().bytes() > 0)
              .toList();
      workers.run(
          stored.size(),
          (worker, index) -> {
            RunRecords.Tensor record = stored.get(index);
            TensorInfo tensor = shard.tensor(record.name()).orElseThrow();
            if (!written.holds(tensor, record.checksum())) {
              throw output.damaged(shard, ErrorDetails.tensor(file, record.name()));
            }
          });
    }
  }

  /**
   * What parts have finished of a run: a file of a journal's lines for each shard, in the output
   * until the run ends. The last record says that the others are complete.
   *
   * @param run the digest of the run's fingerprint, by which files of another run are recognized
   */
  private record ShardRecords(RunScope scope, Fingerprint run) {
    public static ShardRecords of(RunScope scope, Fingerprint run) {
      byte[] parts = run.parts().toString().getBytes(StandardCharsets.UTF_8);
      String digest = HexFormat.of().formatHex(Sha256.digest().digest(parts));
      return new ShardRecords(scope, new Fingerprint(Map.of("sha256", digest)));
    }

    private Path file(String shard) {
      return AtomicWrite.temporary(scope.request().output().resolve(shard + ".records"));
    }

    /** Writes the records of a shard, when the shard and its masks are on the device. */
    public void write(ShardResult result) {
      List<Map<String, Object>> records = new ArrayList<>();
      records.add(RunRecords.run(run));
      result.tensors().forEach(tensor -> records.add(tensor.record()));
      records.add(last(result));
      AtomicWrite.replace(
          file(result.shard()),
          out -> {
            for (Map<String, Object> record : records) {
              out.write(JournalLines.line(record));
            }
          },
          FileModes.ownerOnly());
    }

    private static Map<String, Object> last(ShardResult result) {
      Map<String, Object> record = new LinkedHashMap<>();
      record.put("shard", result.shard());
      record.put("node", result.node());
      if (result.check() != null) {
        OutputCheck.Found found = result.check().found();
        record.put("pruned", found.pruned());
        record.put("zeros", found.zeros());
        record.put("pruned_modules", List.copyOf(found.prunedModules()));
      }
      return record;
    }

    public Optional<ShardResult> read(SafetensorsFile shard) {
      String name = shard.fileName();
      List<JsonNode> records = records(file(name));
      if (records.isEmpty() || !isThere(shard, name)) {
        return Optional.empty();
      }
      JsonNode last = records.getLast();
      return RunRecords.read(records)
          .filter(found -> found.run().equals(run))
          .filter(found -> name.equals(last.path("shard").textValue()))
          .flatMap(found -> found.all(shard, scope.modules(shard)))
          .map(
              tensors ->
                  new ShardResult(
                      name,
                      last.path("node").asText(),
                      tensors,
                      false,
                      check(last),
                      new PhaseClock(1).seconds()));
    }

    /** Reads records, up to the first that isn't whole; none if there is no such file. */
    private static List<JsonNode> records(Path file) {
      if (!Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        return List.of();
      }
      try (InputStream in = InputFile.stream(file)) {
        return JournalLines.read(in.readAllBytes()).records();
      } catch (IOException e) {
        throw OutputException.unwritable(file, e);
      }
    }

    private boolean isThere(SafetensorsFile shard, String name) {
      Path output = scope.request().output();
      try (WrittenShard written = WrittenShard.open(output.resolve(name), shard).orElse(null)) {
        return written != null
            && written.isWhole()
            && ShardPass.ShardMasks.isWhole(
                ShardPass.ShardMasks.file(output, name), scope.modules(shard));
      }
    }

    private static ShardResult.Check check(JsonNode last) {
      if (!last.has("pruned_modules")) {
        return null;
      }
      Set<String> modules = new HashSet<>();
      last.get("pruned_modules").forEach(module -> modules.add(module.asText()));
      return new ShardResult.Check(
          null,
          new OutputCheck.Found(
              last.path("pruned").asLong(), last.path("zeros").asLong(), modules));
    }
  }
}
