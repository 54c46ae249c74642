package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedNames;
import io.github.wandacuda.checkpoint.RowPackings;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** From weights with zeros to packed ones. */
final class Packer implements Direction {
  private final RowPacking packing = RowPackings.fastest();

  @Override
  public String name() {
    return "pack";
  }

  @Override
  public void require(ModelDirectory model) {
    model.requireUnpacked("pack");
    if (model.checkpoint().find(PackedFormat.SOURCE_HEADER).isPresent()) {
      throw new InputException(
          ErrorDetails.file(model.path())
              .tensor(PackedFormat.SOURCE_HEADER)
              .expected("no tensor of this name, which the packed form needs", "one"));
    }
  }

  @Override
  public boolean packs() {
    return true;
  }

  @Override
  public byte[] config(Path file, byte[] source) {
    return PackedConfig.packed(file, source);
  }

  /** Counts first, since a header says how long each tensor is. */
  @Override
  public void write(
      List<LinearModule> modules,
      List<SafetensorsFile> shards,
      NewShards output,
      Workers workers,
      Runnable done) {
    try (PackBuffers buffers = new PackBuffers(workers.count())) {
      Map<SafetensorsFile, List<ModulePlan>> counted = new LinkedHashMap<>();
      shards.forEach(shard -> counted.put(shard, plans(modules, shard, buffers)));
      List<CountTask> counts = new ArrayList<>();
      for (List<ModulePlan> plans : counted.values()) {
        plans.forEach(plan -> counts.add(new CountTask(plan, buffers, packing)));
      }
      workers.run(counts);
      List<Job> jobs = new ArrayList<>();
      Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();
      counted.forEach(
          (shard, plans) -> {
            ShardPlan plan = ShardPlan.of(shard, plans);
            ShardWriter writer = output.begin(shard, plan.layout());
            writers.put(shard, writer);
            addJobs(plan, writer, buffers, done, jobs);
          });
      workers.run(jobs);
      writers.forEach(output::complete);
    }
  }

  private static List<ModulePlan> plans(
      List<LinearModule> modules, SafetensorsFile shard, PackBuffers buffers) {
    List<ModulePlan> plans = new ArrayList<>();
    for (LinearModule module : modules) {
      if (module.shard().equals(shard) && canBePacked(module)) {
        ModulePlan plan =
            new ModulePlan(shard, module.tensor(), buffers.tileBytes(), buffers.workers());
        buffers.reserve(plan);
        plans.add(plan);
      }
    }
    return plans;
  }

  private static boolean canBePacked(LinearModule module) {
    return module.prunable()
        && module.elements() > 0
        && module.tensor().name().endsWith(".weight")
        && PackedNames.of(module.tensor().name()).all().stream()
            .allMatch(name -> module.shard().tensor(name).isEmpty());
  }

  private void addJobs(
      ShardPlan plan, ShardWriter writer, PackBuffers buffers, Runnable done, List<Job> jobs) {
    SafetensorsFile layout = plan.layout();
    for (TensorInfo tensor : plan.source().tensors()) {
      layout
          .tensor(tensor.name())
          .ifPresent(
              place ->
                  jobs.add(
                      new Counted(
                          CopyTask.of(plan.source(), tensor, writer, place, buffers), done)));
    }
    for (ModulePlan module : plan.modules()) {
      jobs.add(new Counted(new PackTask(module, layout, writer, buffers, packing), done));
    }
    writer.write(
        layout.tensor(PackedFormat.SOURCE_HEADER).orElseThrow(),
        0,
        MemorySegment.ofArray(plan.source().headerBytes()));
  }
}
