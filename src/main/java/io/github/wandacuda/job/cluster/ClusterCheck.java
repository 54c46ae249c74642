package io.github.wandacuda.job.cluster;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.cluster.Cluster;
import io.github.wandacuda.cluster.ClusterNode;
import io.github.wandacuda.cluster.ClusterTask;
import io.github.wandacuda.cluster.FirstFailure;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.job.record.RulesRecord;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.job.verify.Failures;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.job.verify.OutputCheck.Found;
import io.github.wandacuda.job.verify.Verifier;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.mask.MaskSink;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Unreached;
import io.github.wandacuda.system.OnFailure;
import io.github.wandacuda.system.Workers;
import java.io.Serializable;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks a pruned model on a cluster piece by piece. Weights stay in the process that reads them.
 * Failures and numbers travel back and, if a record has their digest, masks.
 *
 * @param cluster does the work
 * @param progress is told of it
 * @param maskBytes the most bytes of masks that travel together, unless one mask alone has more
 */
public record ClusterCheck(Cluster cluster, Progress progress, long maskBytes)
    implements Verifier.Shards {
  private static final Logger LOG = LoggerFactory.getLogger(ClusterCheck.class);
  private static final long MASK_BYTES = 32L << 20;

  /** Creates a check whose masks travel in pieces of 32 MiB. */
  public ClusterCheck(Cluster cluster, Progress progress) {
    this(cluster, progress, MASK_BYTES);
  }

  /**
   * All that a process on another machine has to know.
   *
   * @param kept names of modules that stay as they are
   * @param masks whether masks travel back, for the record's digest alone
   * @param digests the SHA-256 that tensors with fitted weights have to have, by name
   */
  private record Run(
      OnCluster.SharedSource source,
      String pruned,
      boolean packed,
      RulesRecord rules,
      Set<String> kept,
      boolean masks,
      Map<String, String> digests)
      implements Serializable {
    static Run of(Verifier.Pruned pruned, boolean masks) {
      return new Run(
          OnCluster.SharedSource.of(pruned.dense()),
          pruned.directory().toAbsolutePath().toString(),
          pruned.packed(),
          RulesRecord.of(pruned.rules()),
          pruned.rules().kept(),
          masks,
          new HashMap<>(pruned.digests()));
    }
  }

  /**
   * The part of a model that a task checks: all of a shard, or as many modules as have masks that
   * can travel together.
   *
   * @param shard the file's name
   * @param modules by their full names
   * @param others tensors that aren't pruned modules
   */
  private record Piece(String shard, List<String> modules, List<String> others)
      implements Serializable {}

  private record Task(Run run, Piece piece) implements ClusterTask<Result> {
    @Override
    public Result run(ClusterNode node) {
      return node.open().get(run, () -> Worker.open(run, node)).check(run, piece, node);
    }
  }

  /**
   * What a process has found in a piece.
   *
   * @param masks of the piece's modules; empty if they don't travel
   * @param found null if a module is missing
   */
  @SuppressWarnings("ArrayRecordComponent") // Handed on as they are, never compared.
  private record Result(Piece piece, String node, Failures failures, byte[][] masks, Found found)
      implements Serializable {}

  /** A process of a cluster that checks pieces: it holds the source open. */
  private record Worker(
      ModelDirectory model, Map<String, LinearModule> modules, PruningRules rules, Workers workers)
      implements AutoCloseable {
    static Worker open(Run run, ClusterNode node) {
      ModelDirectory model = run.source().open();
      return OnFailure.close(
          model::close,
          () ->
              new Worker(
                  model,
                  model.modulesByName(),
                  run.rules().rules(Unreached.MAGNITUDE, run.kept()),
                  new Workers(node.threads().orElse(Runtime.getRuntime().availableProcessors()))));
    }

    Result check(Run run, Piece piece, ClusterNode node) {
      node.throwIfCancelled();
      List<LinearModule> chosen = piece.modules().stream().map(modules::get).toList();
      Set<String> others = new HashSet<>(piece.others());
      byte[][] masks = new byte[run.masks() ? chosen.size() : 0][];
      MaskSink sink =
          run.masks()
              ? (index, mask) -> masks[index] = mask.toArray(ValueLayout.JAVA_BYTE)
              : MaskSink.NONE;
      Failures failures = new Failures();
      Optional<Found> found =
          new OutputCheck(
                  Path.of(run.pruned()),
                  run.packed(),
                  OutputCheck.THROUGH_CACHE,
                  rules,
                  failures,
                  Set.of(),
                  run.digests())
              .check(
                  List.of(model.checkpoint().shard(piece.shard())),
                  chosen,
                  tensor -> others.contains(tensor.name()),
                  sink,
                  workers,
                  Progress.NONE);
      return new Result(piece, node.name(), failures, masks, found.orElse(null));
    }

    @Override
    public void close() {
      workers.close();
      model.close();
    }
  }

  @Override
  public Optional<Found> check(Verifier.Pruned pruned, Failures failures, MaskSink masks) {
    Run run = Run.of(pruned, masks != MaskSink.NONE);
    OnCluster.GivenPaths paths =
        new OnCluster.GivenPaths(List.of(pruned.directory(), pruned.dense().path()));
    Results results = new Results(pruned, progress, masks);
    try {
      FirstFailure.run(
          cluster,
          "verify " + pruned.directory(),
          pieces(pruned).stream().map(piece -> new Task(run, piece)).toList(),
          result -> {
            failures.add(result.failures(), paths::in);
            results.take(result);
          });
      return results.found;
    } catch (InputException e) {
      throw paths.in(e);
    }
  }

  /**
   * Cuts a model into pieces, in the order of their first masks, since masks that come early have
   * to wait on the disk. The first piece of a shard has all tensors that aren't pruned modules.
   */
  private List<Piece> pieces(Verifier.Pruned pruned) {
    Map<Piece, Integer> pieces = new LinkedHashMap<>();
    for (SafetensorsFile shard : pruned.dense().checkpoint().shards()) {
      List<LinearModule> modules =
          pruned.chosen().stream().filter(module -> module.shard() == shard).toList();
      Set<TensorInfo> touched = RunScope.tensors(modules);
      List<String> others =
          shard.tensors().stream()
              .filter(tensor -> !touched.contains(tensor))
              .map(TensorInfo::name)
              .toList();
      for (List<LinearModule> some : parts(modules)) {
        List<String> names = some.stream().map(LinearModule::name).toList();
        int first = some.isEmpty() ? 0 : pruned.chosen().indexOf(some.getFirst());
        pieces.put(new Piece(shard.fileName(), names, others), first);
        others = List.of();
      }
    }
    return pieces.entrySet().stream()
        .sorted(Map.Entry.comparingByValue())
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Returns a shard's modules part by part; one part at least. */
  private List<List<LinearModule>> parts(List<LinearModule> modules) {
    List<List<LinearModule>> parts = new ArrayList<>();
    parts.add(new ArrayList<>());
    long bytes = 0;
    for (LinearModule module : modules) {
      bytes += module.maskBytes();
      if (bytes > maskBytes && !parts.getLast().isEmpty()) {
        parts.add(new ArrayList<>());
        bytes = module.maskBytes();
      }
      parts.getLast().add(module);
    }
    return parts;
  }

  /** Combines what processes have found, as it comes. */
  private static final class Results {
    private final MaskSink masks;
    private final StepCount told;
    private final Map<String, Integer> places = new HashMap<>();
    private final Map<String, TensorInfo> tensors = new HashMap<>();
    private final Set<String> nodes = new HashSet<>();

    /** Nothing once a module is missing. */
    private Optional<Found> found = Optional.of(Found.NOTHING);

    Results(Verifier.Pruned model, Progress progress, MaskSink masks) {
      this.masks = masks;
      List<SafetensorsFile> shards = model.dense().checkpoint().shards();
      told = OutputCheck.told(shards, progress);
      shards.forEach(
          shard -> shard.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor)));
      for (LinearModule module : model.chosen()) {
        places.put(module.name(), places.size());
        tensors.put(module.name(), module.tensor());
      }
    }

    void take(Result result) {
      if (nodes.add(result.node())) {
        LOG.info("{}", result.node());
      }
      found = found.flatMap(all -> Optional.ofNullable(result.found()).map(part -> all.plus(part)));
      Piece piece = result.piece();
      for (int index = 0; index < result.masks().length; index++) {
        masks.add(
            places.get(piece.modules().get(index)), MemorySegment.ofArray(result.masks()[index]));
      }
      Stream.concat(piece.others().stream(), piece.modules().stream())
          .map(tensors::get)
          .map(TensorInfo::bytes)
          .filter(bytes -> bytes > 0)
          .forEach(told::done);
    }
  }
}
