package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.pruning.ModuleResult;
import io.github.wandacuda.pruning.OutputErrors;
import io.github.wandacuda.pruning.PhaseClock;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What became of a shard; small enough to travel.
 *
 * @param shard the shard's file name
 * @param node who wrote it, and on what device
 * @param tensors its tensors
 * @param written whether it was written, or an earlier run's was kept
 * @param check what the check found, or null without one
 * @param seconds where the time went
 */
record ShardResult(
    String shard, String node, List<Tensor> tensors, boolean written, Check check, Seconds seconds)
    implements Serializable {

  /** Takes a list that travels. */
  public ShardResult {
    tensors = List.copyOf(tensors);
  }

  /**
   * A tensor in the output.
   *
   * @param name its name
   * @param checksum the CRC-32C of its bytes
   * @param module what became of the module, or null for a tensor that was copied
   */
  public record Tensor(String name, int checksum, Module module) implements Serializable {
    /** Returns the tensor of a module that was pruned. */
    static Tensor of(ModuleResult result, int checksum) {
      return new Tensor(
          result.module().tensor().name(),
          checksum,
          new Module(result.pruned(), result.zeros(), result.zeroRows(), result.errors()));
    }

    /** Returns what a journal says of a tensor. */
    public static Tensor of(String name, RunRecords.Tensor record) {
      Optional<RunRecords.Module> module = record.module();
      return new Tensor(
          name,
          record.checksum(),
          module
              .map(of -> new Module(of.pruned(), of.zeros(), of.zeroRows(), of.errors()))
              .orElse(null));
    }

    /**
     * Returns the tensors of a shard of which there is anything to know, by what a journal says;
     * nothing unless it tells of all of them.
     *
     * @param pruned the modules that are pruned, by their tensors' names
     * @param records what the journal says, by the tensors' names
     */
    public static Optional<List<Tensor>> all(
        SafetensorsFile shard,
        Map<String, LinearModule> pruned,
        Map<String, RunRecords.Tensor> records) {
      List<Tensor> tensors = new ArrayList<>();
      for (TensorInfo tensor : shard.tensors()) {
        boolean module = pruned.containsKey(tensor.name());
        if (tensor.bytes() > 0 || module) {
          RunRecords.Tensor record = records.get(tensor.name());
          if (record == null || record.module().isPresent() != module) {
            return Optional.empty();
          }
          tensors.add(of(tensor.name(), record));
        }
      }
      return Optional.of(tensors);
    }

    /** Returns the result of the tensor's module. */
    public ModuleResult result(LinearModule of, float[] norms) {
      return new ModuleResult(
          of, module.pruned, module.zeros, module.zeroRows, norms, module.errors);
    }

    /** Returns what the journal is to say. */
    public Map<String, Object> record(LinearModule of) {
      return module == null
          ? RunRecords.tensor(name, checksum)
          : RunRecords.module(result(of, null), checksum, false);
    }
  }

  /** The numbers of a {@link ModuleResult}. */
  public record Module(long pruned, long zeros, int zeroRows, OutputErrors errors)
      implements Serializable {}

  /**
   * What a check found in the written file.
   *
   * @param failure the first thing that is wrong, or null
   * @param found what is there if nothing is wrong
   */
  public record Check(String failure, OutputCheck.Found found) implements Serializable {}

  /** Seconds by phase, as {@link PhaseClock.Seconds} has them. */
  public record Seconds(double select, double readWrite, double verify) implements Serializable {
    static Seconds of(PhaseClock clock) {
      PhaseClock.Seconds all = clock.seconds();
      return new Seconds(all.select(), all.readWrite(), all.verify());
    }
  }
}
