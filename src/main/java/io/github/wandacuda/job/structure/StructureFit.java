package io.github.wandacuda.job.structure;

import io.github.wandacuda.DType;
import io.github.wandacuda.QuantizedMatrix;
import io.github.wandacuda.RowReader;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.HalvesRun;
import io.github.wandacuda.calibration.HiddenStates;
import io.github.wandacuda.calibration.OutputMoments;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.SampleProgress;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.Block.Half;
import io.github.wandacuda.model.Decoder;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.model.removal.StructurePlan;
import io.github.wandacuda.pruning.ModuleTiles;
import io.github.wandacuda.pruning.fit.OutputFit;
import io.github.wandacuda.pruning.fit.OutputProjections;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Goes through the blocks of a model that becomes smaller, with all samples: chooses the channels
 * or heads that go, and fits the weights of the output projections to what is left. Memory holds
 * one block, of the smaller model and of the dense one; fitted weights are written block by block.
 *
 * @param removed what goes, of channels and heads as many others
 */
public record StructureFit(
    ModelDirectory dense,
    RemovedParts removed,
    RemovalRequest asked,
    Update update,
    Calibration.FromSamples calibration,
    Backend backend) {
  /** Samples pass each half of a block dense, observed and smaller, about. */
  static final int PASSES = 6;

  private static final long ALIGNMENT = 64;

  /**
   * What was done.
   *
   * @param files have the fitted weights, as they are stored
   * @param perplexity of the samples that were held back, if any were
   */
  public record Result(RemovedParts removed, List<Path> files, double perplexity) {
    /** Returns the smaller model; the caller closes the files with fitted weights. */
    public StructurePlan plan(ModelDirectory model, List<SafetensorsFile> opened) {
      files.forEach(file -> opened.add(SafetensorsFile.open(file)));
      return removed.plan(model).with(opened);
    }
  }

  /** Returns whether samples run through the blocks to choose or to fit what is left. */
  public static boolean isNeeded(RemovedParts removed, Update update) {
    return update != Update.NONE
        || removed.kinds().keySet().stream().anyMatch(Structure::isOfWidth);
  }

  private boolean realigns() {
    return update == Update.REALIGN;
  }

  /**
   * Goes through the blocks.
   *
   * @param place where a file of a name is written, or null to write none
   * @param held how many of the last samples are only measured
   */
  public Result run(Function<String, Path> place, int held, Progress progress) {
    RemovedParts known = removed.known();
    // That of which blocks or experts went already.
    ModelDirectory smaller = known.kinds().isEmpty() ? dense : known.plan(dense).opened();
    SortedMap<Structure, SortedMap<Integer, List<Integer>>> found = new TreeMap<>();
    removed.kinds().forEach((kind, some) -> found.put(kind, new TreeMap<>(some)));
    Map<Structure, Removal> widths = new EnumMap<>(Structure.class);
    found.keySet().stream()
        .filter(Structure::isOfWidth)
        .forEach(kind -> widths.put(kind, kind.find(dense)));
    List<Path> files = new ArrayList<>();
    double perplexity;
    List<Integer> blocks = removed.left(DecoderFamilies.shape(dense).blocks());
    List<int[]> samples = calibration.samples();
    // The dense samples' states, and what is missing of a half's.
    RunNeeds.requireMemory(
        dense, samples, realigns() ? 2 * RunNeeds.stateBytes(dense, samples) : 0);
    try (Decoder decoder = DecoderFamilies.open(smaller, backend.forwards(true));
        Decoder teacher =
            smaller == dense || !realigns()
                ? null
                : DecoderFamilies.open(dense, backend.forwards(true));
        Workers workers = new Workers(backend.concurrency())) {
      SampleProgress passing = new SampleProgress(progress, decoder.blocks(), PASSES);
      try (HalvesRun run = new HalvesRun(decoder, samples, held, passing);
          HalvesRun goal =
              realigns()
                  ? new HalvesRun(teacher == null ? decoder : teacher, samples, held, passing)
                  : null) {
        for (int gone = 0; teacher != null && gone < blocks.get(0); gone++) {
          pass(teacher, goal, gone);
        }
        passing.overBlocks(
            0,
            index -> {
              int number = blocks.get(index);
              try (Arena arena = Arena.ofShared();
                  Block block = decoder.block(index);
                  Block own = teacher == null ? null : teacher.block(number)) {
                decoder.readAhead(index + 1);
                Map<TensorInfo, MemorySegment> fitted = new LinkedHashMap<>();
                Step step =
                    new Step(this, smaller, number, widths, block, workers, arena, found, fitted);
                for (Half half : Half.values()) {
                  int first = half.ordinal() * PASSES / 2;
                  if (realigns()) {
                    passing.begin(index, first, "sample of the dense model");
                    goal.advance(own == null ? block : own, half);
                  }
                  if (teacher != null && half == Half.MLP) {
                    int next = index + 1 < blocks.size() ? blocks.get(index + 1) : teacher.blocks();
                    for (int gone = number + 1; gone < next; gone++) {
                      pass(teacher, goal, gone);
                    }
                  }
                  passing.begin(index, first + 1, "sample");
                  step.fit(run, goal, half);
                  passing.begin(index, first + 2, "sample after the fit");
                  run.advance(block, half);
                }
                if (place != null) {
                  step.write(index, place).ifPresent(files::add);
                }
              }
            });
        perplexity = held == 0 ? Double.NaN : run.perplexity();
      }
    }
    return new Result(new RemovedParts(found), files, perplexity);
  }

  /** Takes the dense samples through a block that isn't there any more. */
  private static void pass(Decoder teacher, HalvesRun goal, int gone) {
    try (Block block = teacher.block(gone)) {
      for (Half half : Half.values()) {
        goal.advance(block, half);
      }
    }
  }

  /**
   * A block of the smaller model.
   *
   * @param number the block's in the dense model
   * @param widths the channels or heads that blocks have, where some of them go
   * @param found takes what goes
   * @param fitted takes the tensors with fitted weights, of whose places the lengths hold
   */
  private record Step(
      StructureFit of,
      ModelDirectory smaller,
      int number,
      Map<Structure, Removal> widths,
      Block block,
      Workers workers,
      Arena arena,
      Map<Structure, SortedMap<Integer, List<Integer>>> found,
      Map<TensorInfo, MemorySegment> fitted) {
    /** Chooses what goes of a half, and gives the block the weights that are left. */
    void fit(HalvesRun run, HalvesRun goal, Half half) {
      Structure wanted = half == Half.MLP ? Structure.CHANNELS : Structure.HEADS;
      if (!found.containsKey(wanted) && !of.realigns()) {
        return;
      }
      try (HiddenStates missing = of.realigns() ? run.missing(block, half, goal) : null) {
        List<String> outputs = block.outputs(half);
        for (String name : outputs) {
          try (Arena memory = Arena.ofShared()) {
            LinearModule module = module(name);
            OutputMoments moments = run.moments(block, half, name, missing, memory);
            if (!moments.isZero()) {
              WeightMatrix change = fit(module, moments, wanted, memory);
              if (missing != null && outputs.size() > 1) {
                run.take(block, half, name, missing, change);
              }
            }
          }
        }
      }
    }

    /** Fits one module, and returns how its weights change, in F32. */
    private WeightMatrix fit(
        LinearModule module, OutputMoments moments, Structure wanted, Arena memory) {
      RowReader source = source(module);
      WeightMatrix wide = OutputFit.empty(DType.F32, source.rows(), source.columns(), memory);
      ModuleTiles.widen(source, wide);
      OutputFit fit = new OutputFit(of.backend.operations(), workers, memory, wide, moments);
      List<Integer> kept = IntStream.range(0, source.columns()).boxed().toList();
      if (found.containsKey(wanted)) {
        int width = kept.size() / widths.get(wanted).size();
        int together = widths.get(wanted).step();
        int count = of.removed.count(wanted) / together;
        List<Integer> gone =
            fit
                .lowest(of.asked.columnScore(), width * together, count, of.realigns())
                .orElseThrow(() -> unfit(module))
                .stream()
                .flatMap(run -> range(run * together, (run + 1) * together))
                .toList();
        found.get(wanted).put(number, gone);
        Set<Integer> all = Set.copyOf(gone);
        kept = kept.stream().filter(at -> !all.contains(at / width)).toList();
      }
      WeightMatrix left =
          of.update == Update.NONE
              ? null
              : fit.fitted(kept, of.realigns()).orElseThrow(() -> unfit(module));
      return source instanceof QuantizedMatrix codes
          ? round(module, codes, wide, left)
          : install(module, wide, kept, left);
    }

    private static Stream<Integer> range(int begin, int end) {
      return IntStream.range(begin, end).boxed();
    }

    /** Gives the block the codes nearest to what was fitted, and turns it into their change. */
    private WeightMatrix round(
        LinearModule module, QuantizedMatrix codes, WeightMatrix wide, WeightMatrix left) {
      for (int row = 0; row < wide.rows(); row++) {
        for (int column = 0; column < wide.columns(); column++) {
          float before = wide.get(row, column);
          float value = left.get(row, column);
          if (!Float.isFinite(value)) {
            throw unfit(module);
          }
          if (value != before) {
            codes.codes().set(row, column, codes.nearest(row, column, value));
          }
          wide.set(row, column, codes.get(row, column) - before);
        }
      }
      block.replace(module.name(), codes);
      fitted.put(module.tensor(), codes.data());
      return wide;
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
      WeightMatrix all = OutputFit.empty(dtype, wide.rows(), wide.columns(), arena);
      boolean turned = module.transposed();
      WeightMatrix stored =
          OutputFit.empty(
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
        List<Long> shape = List.of((long) stored.rows(), (long) stored.columns());
        MemorySegment bytes = stored.span();
        String name = module.tensor().name();
        fitted.put(new TensorInfo(name, dtype.name(), shape, 0, bytes.byteSize()), bytes);
      }
      return wide;
    }

    private LinearModule module(String name) {
      LinearModule module =
          smaller.modules().stream()
              .filter(each -> each.name().equals(name))
              .findFirst()
              .orElseThrow();
      if (!PruningRules.canFit(module, of.asked.requantize())) {
        throw OutputProjections.notPlain(module);
      }
      return module;
    }

    /** Writes the block's fitted weights, if there are any. */
    Optional<Path> write(int index, Function<String, Path> place) {
      if (fitted.isEmpty()) {
        return Optional.empty();
      }
      Path file = place.apply("%s.fit-%d".formatted(AtomicWrite.OWN, index));
      AtomicWrite.replace(
          file,
          out -> {
            List<TensorInfo> tensors = SafetensorsWriter.layout(List.copyOf(fitted.keySet()));
            out.write(SafetensorsWriter.header(tensors, Map.of()));
            for (MemorySegment bytes : fitted.values()) {
              Channels.newChannel(out).write(bytes.asByteBuffer());
            }
          },
          FileModes.ownerOnly());
      return Optional.of(file);
    }
  }

  private static InputException unfit(LinearModule module) {
    return module.place().wrong("inputs that finite weights can be fitted to", "others");
  }
}
