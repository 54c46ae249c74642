package io.github.wandacuda.job.output;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.job.record.MaskDigest;
import io.github.wandacuda.model.LinearModule;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Puts together what processes have found in the parts of a pruned model, as they come. */
final class VerifiedParts implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(VerifiedParts.class);
  private static final String SPILL = "masks";

  private final List<VerifyTask> tasks;
  private final VerifiedBytes verified;
  private final MaskDigest digest;
  private final Map<String, Integer> places = new HashMap<>();
  private final Map<String, TensorInfo> tensors = new HashMap<>();
  private final Set<String> nodes = new HashSet<>();
  private final Set<String> prunedModules = new HashSet<>();
  private long pruned;
  private long zeros;
  private boolean complete = true;

  /**
   * Begins without any.
   *
   * @param spill a directory for masks that come before those that they follow
   */
  VerifiedParts(ShardsCheck.Pruned model, List<VerifyTask> tasks, Progress progress, Path spill) {
    this.tasks = tasks;
    List<SafetensorsFile> shards = model.dense().checkpoint().shards();
    verified = new VerifiedBytes(progress, shards);
    digest = new MaskDigest(model.chosen().size(), spill.resolve(SPILL));
    shards.forEach(shard -> shard.tensors().forEach(tensor -> tensors.put(tensor.name(), tensor)));
    for (LinearModule module : model.chosen()) {
      places.put(module.name(), places.size());
      tensors.put(module.name(), module.tensor());
    }
  }

  /** Takes a part. */
  void take(VerifiedPart part) {
    if (nodes.add(part.node())) {
      LOG.info("{}", part.node());
    }
    VerifyTask task = tasks.get(part.index());
    if (part.found() == null) {
      complete = false;
    } else {
      pruned += part.found().pruned();
      zeros += part.found().zeros();
      prunedModules.addAll(part.found().prunedModules());
      addMasks(task.modules(), part.found().masks());
    }
    task.others().forEach(this::tell);
    task.modules().forEach(this::tell);
  }

  private void addMasks(List<String> modules, byte[][] masks) {
    for (int index = 0; index < masks.length; index++) {
      digest.add(places.get(modules.get(index)), MemorySegment.ofArray(masks[index]));
    }
  }

  private void tell(String name) {
    if (tensors.get(name).bytes() > 0) {
      verified.done(tensors.get(name));
    }
  }

  /**
   * Returns what was found in all of them; empty if a module is missing.
   *
   * @param masks whether there are masks, without which there is no digest of them
   */
  Optional<ShardVerifier.Found> found(boolean masks) {
    return complete
        ? Optional.of(
            new ShardVerifier.Found(masks ? digest.hex() : null, pruned, zeros, prunedModules))
        : Optional.empty();
  }

  @Override
  public void close() {
    digest.close();
  }
}
