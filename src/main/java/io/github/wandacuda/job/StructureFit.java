package io.github.wandacuda.job;

import io.github.wandacuda.DType;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.HalvesRun;
import io.github.wandacuda.calibration.HiddenStates;
import io.github.wandacuda.calibration.OutputMoments;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.job.StructureRequest.Update;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.DecoderFamilies;
import io.github.wandacuda.model.ExpertRemoval;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.Removal;
import io.github.wandacuda.model.StructurePlan;
import io.github.wandacuda.model.WidthRemoval;
import io.github.wandacuda.pruning.ColumnScore;
import io.github.wandacuda.pruning.OutputFit;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Goes through the blocks of a model that becomes smaller, with all samples: chooses the channels
 * or heads that go, and fits the weights of the output projections to what is left. Memory holds
 * one block, of the smaller model and of the dense one; fitted weights are written block by block.
 *
 * @param request what is asked for
 * @param dense the model as it was
 * @param smaller the model to go through: that of which blocks or experts went already, or the
 *     dense one
 * @param blocks the dense block that each block of the smaller one was
 * @param going what goes of each block, by the half that has it
 */
public record StructureFit(
    StructureRequest request,
    ModelDirectory dense,
    ModelDirectory smaller,
    List<Integer> blocks,
    Map<Half, Going> going,
    Backend backend) {
  /** Samples pass each half of a block dense, observed and smaller, about. */
  private static final int PASSES = 6;

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
   * @param removed what goes, by block
   * @param files have the fitted weights, as they are stored
   */
  record Result(SortedMap<Integer, List<Integer>> removed, List<Path> files) {}

  /** Prepares for a removal that a plan is of. */
  static StructureFit of(
      StructureRequest request, Removal removal, StructurePlan plan, Backend backend) {
    ModelDirectory dense = plan.model();
    int count = DecoderFamilies.shape(dense).blocks();
    List<Integer> all = IntStream.range(0, count).boxed().toList();
    if (removal instanceof WidthRemoval width) {
      ColumnScore score = ColumnScore.valueOf(request.score().toUpperCase(Locale.ROOT));
      int each = request.removed().firstEntry().getValue().size();
      Going going = new Going(score, width.width(), each);
      return new StructureFit(request, dense, dense, all, Map.of(width.half(), going), backend);
    }
    List<Integer> left =
        removal instanceof ExpertRemoval
            ? all
            : all.stream().filter(block -> !request.removed().containsKey(block)).toList();
    return new StructureFit(request, dense, plan.opened(), left, Map.of(), backend);
  }

  /**
   * Says why a model's weights can't be fitted.
   *
   * @return nothing if they can
   */
  public static Optional<InputException> problem(ModelDirectory model, Update update) {
    ModelConfig config = model.config();
    DecoderDescription decoder = DecoderFamilies.of(config).describe(config);
    boolean additive =
        IntStream.range(0, decoder.shape().blocks())
            .mapToObj(decoder.block())
            .allMatch(BlockDescription::isAdditive);
    if (update == Update.REALIGN && !additive) {
      return Optional.of(
          ErrorDetails.file(config.file())
              .wrong(
                  "blocks that add two branches one after the other, each without a norm behind"
                      + " it, to realign",
                  "others"));
    }
    Set<String> outputs = Set.copyOf(decoder.outputs(model));
    return model.modules().stream()
        .filter(module -> outputs.contains(module.name()) && module.quantized() != null)
        .findFirst()
        .map(StructureFit::notPlain);
  }

  private static InputException notPlain(LinearModule module) {
    return module.place().wrong("weights that aren't quantized, to be fitted", module.format());
  }

  private boolean realigns() {
    return request.update() == Update.REALIGN;
  }

  /**
   * Goes through the blocks.
   *
   * @param place where a file of a name is written
   */
  Result run(Function<String, Path> place, Progress progress) {
    Result result = new Result(new TreeMap<>(request.removed()), new ArrayList<>());
    List<int[]> samples = ((Calibration.FromSamples) request.calibration()).samples();
    try (Decoder decoder = DecoderFamilies.open(smaller, backend.forwards(true));
        Decoder teacher =
            smaller == dense || !realigns()
                ? null
                : DecoderFamilies.open(dense, backend.forwards(true));
        Workers workers = new Workers(backend.concurrency())) {
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), PASSES);
      try (HalvesRun run = new HalvesRun(decoder, samples, passing);
          HalvesRun goal =
              realigns()
                  ? new HalvesRun(teacher == null ? decoder : teacher, samples, passing)
                  : null) {
        for (int gone = 0; teacher != null && gone < blocks.get(0); gone++) {
          pass(teacher, goal, gone);
        }
        passing.overBlocks(
            0,
            index -> {
              try (Arena arena = Arena.ofShared();
                  Block block = decoder.block(index);
                  Block own = teacher == null ? null : teacher.block(blocks.get(index))) {
                decoder.readAhead(index + 1);
                Step step = new Step(index, block, workers, arena, result);
                for (Half half : Half.values()) {
                  passing.begin(index, half.ordinal() * PASSES / 2, "sample");
                  if (realigns()) {
                    goal.advance(own == null ? block : own, half);
                  }
                  if (teacher != null && half == Half.MLP) {
                    int next = index + 1 < blocks.size() ? blocks.get(index + 1) : teacher.blocks();
                    for (int gone = blocks.get(index) + 1; gone < next; gone++) {
                      pass(teacher, goal, gone);
                    }
                  }
                  step.fit(run, goal, half);
                  run.advance(block, half);
                }
                step.write(place);
              }
            });
      }
    }
    return result;
  }

  /** Takes the dense samples through a block that isn't there any more. */
  private static void pass(Decoder teacher, HalvesRun goal, int gone) {
    try (Block block = teacher.block(gone)) {
      for (Half half : Half.values()) {
        goal.advance(block, half);
      }
    }
  }

  /** What is done with one block. */
  private final class Step {
    private final int index;
    private final Block block;
    private final Workers workers;
    private final Arena arena;
    private final Result result;
    private final Map<TensorInfo, WeightMatrix> fitted = new LinkedHashMap<>();
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
      if (wanted == null && !realigns()) {
        return;
      }
      try (HiddenStates missing = realigns() ? run.missing(block, half, goal) : null) {
        for (String name : block.outputs(half)) {
          try (Arena memory = Arena.ofShared()) {
            LinearModule module = module(name);
            OutputMoments moments = run.moments(block, half, name, missing, memory);
            if (!moments.isZero()) {
              WeightMatrix change = fit(module, moments, wanted, half, memory);
              if (missing != null && block.outputs(half).size() > 1) {
                run.take(block, half, name, missing, change);
              }
            }
          }
        }
      }
    }

    /** Fits one module, and returns how its weights change, in F32. */
    private WeightMatrix fit(
        LinearModule module, OutputMoments moments, Going wanted, Half half, Arena memory) {
      RowReader source = source(module);
      WeightMatrix wide = widened(source, memory);
      OutputFit fit = new OutputFit(backend.operations(), workers, memory, wide, moments);
      List<Integer> kept = IntStream.range(0, source.columns()).boxed().toList();
      if (wanted != null) {
        List<Integer> gone =
            fit.lowest(wanted.score, wanted.width, wanted.count, realigns())
                .orElseThrow(() -> unfit(module));
        result.removed.put(index, gone);
        kept = kept.stream().filter(at -> !gone.contains(at / wanted.width)).toList();
      }
      WeightMatrix left =
          request.update() == Update.NONE
              ? null
              : fit.fitted(kept, realigns()).orElseThrow(() -> unfit(module));
      return install(module, wide, kept, left);
    }

    private RowReader source(LinearModule module) {
      MemorySegment bytes = arena.allocate(module.tensor().bytes(), ALIGNMENT);
      module.shard().read(module.tensor(), 0, bytes);
      return module.rows(bytes);
    }

    /**
     * Gives the block its weights, 0 where a column went, keeps those that are fitted, and turns
     * {@code wide} into their change.
     */
    private WeightMatrix install(
        LinearModule module, WeightMatrix wide, List<Integer> kept, WeightMatrix left) {
      DType dtype = module.tensor().type().orElseThrow();
      WeightMatrix all = empty(dtype, wide.rows(), wide.columns(), arena);
      boolean turned = module.transposed();
      WeightMatrix stored =
          empty(
              dtype, turned ? kept.size() : wide.rows(), turned ? wide.rows() : kept.size(), arena);
      WeightMatrix compact = turned ? stored.transposed() : stored;
      for (int row = 0; row < wide.rows(); row++) {
        for (int at = 0; at < kept.size(); at++) {
          int column = kept.get(at);
          all.set(row, column, left == null ? wide.get(row, column) : left.get(row, at));
          float value = all.get(row, column);
          compact.set(row, at, value);
          if (!Float.isFinite(value)) {
            throw unfit(module);
          }
        }
        for (int column = 0; column < wide.columns(); column++) {
          wide.set(row, column, all.get(row, column) - wide.get(row, column));
        }
      }
      block.replace(module.name(), all);
      if (left != null) {
        long bytes = stored.elements() * dtype.bytes();
        List<Long> shape = List.of((long) stored.rows(), (long) stored.columns());
        String tensor = module.tensor().name();
        fitted.put(new TensorInfo(tensor, dtype.name(), shape, written, written + bytes), stored);
        written += bytes;
      }
      return wide;
    }

    /** Writes the block's fitted weights. */
    void write(Function<String, Path> place) {
      if (fitted.isEmpty()) {
        return;
      }
      Path file = place.apply("%s.fit-%d".formatted(AtomicWrite.OWN, index));
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
      throw notPlain(module);
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
