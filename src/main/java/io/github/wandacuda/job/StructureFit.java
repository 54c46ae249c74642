package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.HalvesRun;
import io.github.wandacuda.calibration.OutputMoments;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.ColumnScore;
import io.github.wandacuda.pruning.OutputFit;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.IntStream;

/**
 * Goes through the blocks of a model that becomes smaller, with all samples: chooses the channels
 * or heads that go, and fits the weights of the output projections to what is left. Memory holds
 * one block, of the smaller model and of the dense one; fitted weights are written to a folder
 * block by block.
 *
 * @param dense the model as it was
 * @param smaller the model to go through: that of which blocks or experts went already, or the
 *     dense one
 * @param blocks the dense block that each block of the smaller one was
 * @param going what goes of each block, by the half that has it
 * @param update how weights are fitted
 */
record StructureFit(
    ModelDirectory dense,
    ModelDirectory smaller,
    List<Integer> blocks,
    Map<Half, Going> going,
    StructureRequest.Update update,
    Backend backend,
    Calibration.FromSamples samples) {
  /** Samples pass each half dense, observed, and smaller. */
  private static final int PASSES = 3;

  private static final long ALIGNMENT = 64;

  /**
   * What goes of each block.
   *
   * @param score what it is chosen by, the lowest first
   * @param width input columns of the half's last linear module for each
   * @param count how many go
   */
  record Going(ColumnScore score, int width, int count) {}

  /**
   * What was done.
   *
   * @param removed what goes, by half and block
   * @param files have the fitted weights, as they are stored
   */
  record Result(Map<Half, SortedMap<Integer, List<Integer>>> removed, List<Path> files) {}

  /** Goes through the blocks. */
  Result run(Path folder, Progress progress) {
    Result result = new Result(new EnumMap<>(Half.class), new ArrayList<>());
    going.keySet().forEach(half -> result.removed.put(half, new TreeMap<>()));
    boolean realigns = update == StructureRequest.Update.REALIGN;
    try (Decoder decoder = DecoderFamilies.open(smaller, backend.forwards(true));
        Decoder teacher =
            smaller == dense ? null : DecoderFamilies.open(dense, backend.forwards(true));
        Workers workers = new Workers(backend.concurrency())) {
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), 2 * PASSES);
      try (HalvesRun run = new HalvesRun(decoder, samples.samples(), passing);
          HalvesRun goal =
              realigns
                  ? new HalvesRun(
                      teacher == null ? decoder : teacher, samples.samples(), passing)
                  : null) {
        passing.overBlocks(
            0,
            index -> {
              try (Arena arena = Arena.ofShared();
                  Block block = decoder.block(index);
                  Block own = teacher == null ? null : teacher.block(blocks.get(index))) {
                decoder.readAhead(index + 1);
                Step step = new Step(index, block, workers, arena, result);
                for (Half half : Half.values()) {
                  if (realigns) {
                    goal.advance(own == null ? block : own, half);
                  }
                  if (realigns && half == Half.MLP) {
                    passGap(teacher, goal, index);
                  }
                  step.fit(run, goal, half);
                  run.advance(block, half);
                }
                step.write(folder);
              }
            });
      }
    }
    return result;
  }

  /** Takes the dense samples through the blocks that aren't there any more behind one that is. */
  private void passGap(Decoder teacher, HalvesRun goal, int index) {
    int next = index + 1 < blocks.size() ? blocks.get(index + 1) : teacherBlocks(teacher);
    for (int gone = blocks.get(index) + 1; gone < next; gone++) {
      try (Block block = teacher.block(gone)) {
        for (Half half : Half.values()) {
          goal.advance(block, half);
        }
      }
    }
  }

  private int teacherBlocks(Decoder teacher) {
    return teacher == null ? blocks.size() : teacher.blocks();
  }

  /** What is done with one block. */
  private final class Step {
    private final int index;
    private final Block block;
    private final Workers workers;
    private final Arena arena;
    private final Result result;
    private final Map<TensorInfo, WeightMatrix> fitted = new TreeMap<>(
        Comparator.comparing(TensorInfo::begin));
    private long written;

    Step(int index, Block block, Workers workers, Arena arena, Result result) {
      this.index = index;
      this.block = block;
      this.workers = workers;
      this.arena = arena;
      this.result = result;
    }

    /** Chooses what goes of a half, and gives the block the weights that are left. */
    void fit(HalvesRun run, HalvesRun goal, Half half) {
      Going wanted = going.get(half);
      boolean fits =
          update == StructureRequest.Update.REALIGN
              || (wanted != null && update == StructureRequest.Update.RECONSTRUCT);
      if (wanted == null && !fits) {
        return;
      }
      LinearModule module = module(block.output(half));
      try (Arena memory = Arena.ofShared()) {
        OutputMoments moments = run.moments(block, half, goal, memory);
        RowReader source = source(module);
        OutputFit fit =
            new OutputFit(
                backend.operations(), workers, memory, widened(source, memory), moments);
        List<Integer> kept = IntStream.range(0, source.columns()).boxed().toList();
        if (wanted != null) {
          List<Integer> gone =
              fit.lowest(wanted.score, wanted.width, wanted.count, goal != null)
                  .orElseThrow(() -> unfit(module));
          result.removed.get(half).put(index, gone);
          kept = kept.stream().filter(at -> !gone.contains(at / wanted.width)).toList();
        }
        WeightMatrix left =
            fits ? fit.fitted(kept, goal != null).orElseThrow(() -> unfit(module)) : null;
        install(module, source, kept, left);
      }
    }

    private RowReader source(LinearModule module) {
      MemorySegment bytes = arena.allocate(module.tensor().bytes(), ALIGNMENT);
      module.shard().read(module.tensor(), 0, bytes);
      return module.rows(bytes);
    }

    /** Gives the block its weights, 0 where a column went, and keeps those that are fitted. */
    private void install(
        LinearModule module, RowReader source, List<Integer> kept, WeightMatrix left) {
      DType dtype = module.tensor().type().orElseThrow();
      WeightMatrix all = empty(dtype, source.rows(), source.columns(), arena);
      boolean turned = module.transposed();
      WeightMatrix stored =
          turned
              ? empty(dtype, kept.size(), source.rows(), arena)
              : empty(dtype, source.rows(), kept.size(), arena);
      WeightMatrix compact = turned ? stored.transposed() : stored;
      float[] row = new float[source.columns()];
      for (int at = 0; at < source.rows(); at++) {
        source.read(at, 0, row.length, row, 0);
        for (int column = 0; column < kept.size(); column++) {
          int from = kept.get(column);
          all.set(at, from, left == null ? row[from] : left.get(at, column));
          compact.set(at, column, all.get(at, from));
          if (!Float.isFinite(all.get(at, from))) {
            throw unfit(module);
          }
        }
      }
      block.replace(module.name(), all);
      if (left != null) {
        long bytes = stored.elements() * dtype.bytes();
        List<Long> shape = List.of((long) stored.rows(), (long) stored.columns());
        fitted.put(
            new TensorInfo(
                module.tensor().name(), dtype.name(), shape, written, written + bytes),
            stored);
        written += bytes;
      }
    }

    /** Writes the block's fitted weights. */
    void write(Path folder) {
      if (fitted.isEmpty()) {
        return;
      }
      Path file = folder.resolve("%s.fit-%d".formatted(AtomicWrite.OWN, index));
      AtomicWrite.replace(
          file,
          out -> {
            out.write(SafetensorsWriter.header(List.copyOf(fitted.keySet()), Map.of()));
            for (WeightMatrix matrix : fitted.values()) {
              Channels.newChannel(out).write(matrix.span().asByteBuffer());
            }
          },
          FileModes.ownerOnly());
      result.files.add(file);
    }
  }

  private LinearModule module(String name) {
    LinearModule module =
        smaller.modules().stream()
            .filter(each -> each.name().equals(name))
            .findFirst()
            .orElseThrow();
    if (module.quantized() != null) {
      throw module.place().wrong("weights that aren't quantized, to be fitted", module.format());
    }
    return module;
  }

  private static WeightMatrix widened(RowReader source, Arena memory) {
    WeightMatrix wide = empty(DType.F32, source.rows(), source.columns(), memory);
    float[] row = new float[source.columns()];
    for (int at = 0; at < source.rows(); at++) {
      source.read(at, 0, row.length, row, 0);
      wide.rows(at, 1).span().copyFrom(MemorySegment.ofArray(row));
    }
    return wide;
  }

  private static WeightMatrix empty(DType dtype, int rows, int columns, Arena memory) {
    MemorySegment bytes = memory.allocate((long) rows * columns * dtype.bytes(), ALIGNMENT);
    return WeightMatrix.of(bytes, dtype, rows, columns);
  }

  private static InputException unfit(LinearModule module) {
    return module.place().wrong("inputs that finite weights can be fitted to", "others");
  }
}
