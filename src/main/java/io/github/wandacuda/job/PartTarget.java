package io.github.wandacuda.job;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.WrittenShard;
import io.github.wandacuda.error.CancelledException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.job.Part.PartLock;
import io.github.wandacuda.job.ShardPass.ShardResult;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An output that several parts of a run write, each its shards. They agree by the first record of
 * the journal, which each locks for a moment when it begins and again when its shards are finished:
 * so one of them is the last, finds all shards finished, and completes the output while it has the
 * lock.
 *
 * <p>Nothing that a part has finished is deleted when another one fails, whatever the reason.
 */
record PartTarget(RunScope scope, Part part, OnCluster process, OutputTarget whole)
    implements PruneTarget {
  /** The part of the fingerprint that tells models of the same shapes apart. */
  private static final String WEIGHTS = "weights";

  private static final int SAMPLED_TENSORS = 64;
  private static final int SAMPLE_BYTES = 4096;

  /** Longer than parts hold the journal when they begin; a run that is no part holds it longer. */
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  private static final long PAUSE_MILLIS = 50;

  private static final Logger LOG = LoggerFactory.getLogger(PartTarget.class);

  PartTarget(RunScope scope, Part part, OnCluster process) {
    this(scope, part, process, new OutputTarget(scope, Optional.empty()));
  }

  @Override
  public RunNeeds needs(Backend backend) {
    return whole.needs(backend);
  }

  /** Counts what all parts write, since they write to the same disk. */
  @Override
  public long diskBytes(RunNeeds needs) {
    return whole.diskBytes(needs);
  }

  @Override
  public Run open(PruneTarget.Tools tools, Provenance plan) {
    Fingerprint cause = Fingerprint.of(plan);
    Fingerprint fingerprint = cause.with(parts());
    try (OutputDirectory output = directory(PATIENCE)) {
      if (output.finished().isPresent()) {
        cause.requireSame(path(), Fingerprint.of(output.finished().get()));
        return new Ended(output.finished(), Part.PartState.end(part));
      }
      begin(output, fingerprint);
      PartLock lock = PartLock.take(path(), part);
      return new PartRun(tools, plan, fingerprint, lock);
    }
  }

  private Map<String, String> parts() {
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put(Fingerprint.PARTS, String.valueOf(part.of()));
    parts.put(WEIGHTS, "sha256 " + weights(scope.model()));
    return parts;
  }

  private void begin(OutputDirectory output, Fingerprint fingerprint) {
    if (output.interrupted().isEmpty()) {
      OnFailure.run(output::discard, () -> whole.added(output).requireNoneBefore());
    }
    output.begin(fingerprint);
  }

  private void requireSame(OutputDirectory output, Fingerprint fingerprint) {
    Fingerprint there =
        output.interrupted().map(RunRecords::run).orElseGet(() -> new Fingerprint(Map.of()));
    fingerprint.requireSame(path(), there);
  }

  /** Opens the output when no other part has it open. */
  private OutputDirectory directory(Duration patience) {
    long start = System.nanoTime();
    while (true) {
      try {
        return OutputDirectory.open(path(), scope.model().path(), true, whole.ownFiles());
      } catch (Journal.Busy e) {
        if (System.nanoTime() - start > patience.toNanos()) {
          throw e;
        }
        CancelledException.waiting(() -> Thread.sleep(PAUSE_MILLIS));
      }
    }
  }

  /**
   * Returns the SHA-256, in hexadecimal, over the bytes in the middle of up to 64 tensors of each
   * shard. They tell a model from another of the same shapes, such as what it was fine-tuned to,
   * and don't depend on where a copy of it lies or when that was made.
   */
  private static String weights(ModelDirectory model) {
    MessageDigest digest = Sha256.digest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(SAMPLE_BYTES);
      for (SafetensorsFile shard : model.checkpoint().shards()) {
        List<TensorInfo> tensors = shard.tensors();
        int step = Math.max(1, Math.ceilDiv(tensors.size(), SAMPLED_TENSORS));
        for (int index = 0; index < tensors.size(); index += step) {
          digest.update(middle(shard, tensors.get(index), memory).asByteBuffer());
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MemorySegment middle(
      SafetensorsFile shard, TensorInfo tensor, MemorySegment memory) {
    MemorySegment bytes = memory.asSlice(0, Math.min(SAMPLE_BYTES, tensor.bytes()));
    shard.read(tensor, (tensor.bytes() - bytes.byteSize()) / 2, bytes);
    return bytes;
  }

  /** A part at work: it writes its shards and, if it is the last, completes the output. */
  private final class PartRun implements Run {
    private final PruneTarget.Tools tools;
    private final Provenance plan;
    private final Fingerprint fingerprint;
    private final PartLock lock;
    private final ShardRecords records;
    private final List<SafetensorsFile> share;
    private Part.PartState state;

    /** The output, from when the shards are finished. */
    private OutputDirectory output;

    /** Takes over the part's lock, which it closes. */
    PartRun(PruneTarget.Tools tools, Provenance plan, Fingerprint fingerprint, PartLock lock) {
      this.tools = tools;
      this.plan = plan;
      this.fingerprint = fingerprint;
      this.lock = lock;
      records = ShardRecords.of(scope, fingerprint);
      share = part.shareOf(scope.model().checkpoint().shards());
    }

    @Override
    public Part.PartState part() {
      return state;
    }

    /** The output is open if all shards are finished and nobody has completed it. */
    @Override
    public boolean completes() {
      return output != null && output.finished().isEmpty();
    }

    @Override
    public RunResult prune() {
      ShardPass own = writeShare();
      // Who looks next, with the journal's lock, has to see that this part is not at work any more.
      lock.close();
      output = directory(Duration.ofDays(1));
      if (output.finished().isPresent()) {
        state = Part.PartState.end(part);
        return result(output.finished().get(), List.of());
      }
      requireSame(output, fingerprint);
      ShardPass all = new ShardPass(scope, path(), tools, scope::norms);
      state = look(all);
      if (state.finished()) {
        return complete(all);
      }
      output.close();
      output = null;
      List<ModuleResult> results = own.modules();
      return result(
          Provenance.planned(
                  scope.request(),
                  share.stream().flatMap(shard -> scope.modules(shard).stream()).toList(),
                  plan.sourceSha256(),
                  plan.version())
              .with(results, null),
          results);
    }

    private RunResult result(Provenance record, List<ModuleResult> results) {
      return new RunResult(record, results, tools.clock().seconds());
    }

    private ShardPass writeShare() {
      ShardPass own = new ShardPass(scope, path(), tools, scope::norms);
      own.run(
          process.cluster(),
          "prune " + part,
          RunDescription.of(scope, path(), plan, scope.request().verify(), process.devices()),
          share,
          shard -> records.read(shard).map(ShardPass.ShardResult::tensors).orElse(List.of()),
          records::write);
      return own;
    }

    /** Looks for all parts' shards, under the journal's lock; finished if this part ends all. */
    private Part.PartState look(ShardPass all) {
      List<SafetensorsFile> shards = scope.model().checkpoint().shards();
      Set<SafetensorsFile> missing = new HashSet<>();
      for (SafetensorsFile shard : shards) {
        records.read(shard).ifPresentOrElse(all::take, () -> missing.add(shard));
      }
      int done =
          Math.toIntExact(
              part.shares(shards).stream()
                  .filter(shares -> shares.stream().noneMatch(missing::contains))
                  .count());
      Optional<Part> atWork = PartLock.atWork(path(), part.of());
      if (missing.isEmpty() && atWork.isPresent()) {
        LOG.info("{} is at work again and will complete the output", atWork.get());
      }
      return new Part.PartState(part, done, missing.isEmpty() && atWork.isEmpty());
    }

    private RunResult complete(ShardPass all) {
      LOG.info("{}: all {} parts are done", path(), part.of());
      whole.sideFiles().warnOfLeftOut("the output has no use for it");
      List<ModuleResult> modules = all.modules();
      Provenance record = plan.with(modules, all.digest());
      all.check(record);
      whole.sideFiles().files().forEach(file -> output.copy(whole.sideFiles(), file));
      whole.added(output).requireNoneAfter();
      return result(record, modules);
    }

    @Override
    public void end(RunResult result) {
      whole.sideFiles().lastFiles().forEach(file -> output.copy(whole.sideFiles(), file));
      ModelCard.write(whole.scope().model(), whole.sideFiles(), output, result.provenance());
      output.finish(result.provenance(), whole.added(output)::removeLeftovers);
    }

    /** Keeps everything: other parts have worked on it too. */
    @Override
    public void settle(Throwable failure) {
      if (RealCause.behind(failure).orElse(null) instanceof CancelledException) {
        throw new CancelledException(
            "cancelled; what is finished of %s is kept: run %s again to go on"
                .formatted(path(), part),
            failure);
      }
      LOG.warn("{}: what is finished is kept for when {} runs again", path(), part);
      RealCause.throwIfBehind(failure);
    }

    @Override
    public void close() {
      lock.close();
      if (output != null) {
        output.close();
      }
    }
  }

  /**
   * What parts have finished of a run: a file of a journal's lines for each shard, in the output
   * until the run ends. The last record says that the others are complete.
   *
   * @param run the digest of the run's fingerprint, so that what is left of another run isn't taken
   */
  private record ShardRecords(RunScope scope, String run) {
    public static ShardRecords of(RunScope scope, Fingerprint run) {
      byte[] parts = run.parts().toString().getBytes(StandardCharsets.UTF_8);
      return new ShardRecords(scope, HexFormat.of().formatHex(Sha256.digest().digest(parts)));
    }

    private Path file(String shard) {
      return AtomicWrite.temporary(scope.request().output().resolve(shard + ".records"));
    }

    private Fingerprint fingerprint() {
      return new Fingerprint(Map.of("sha256", run));
    }

    /** Writes the records of a shard that is on the device, as are its masks. */
    public void write(ShardResult result) {
      List<Map<String, Object>> records = new ArrayList<>();
      records.add(RunRecords.run(fingerprint()));
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
          .filter(found -> found.run().equals(fingerprint()))
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
