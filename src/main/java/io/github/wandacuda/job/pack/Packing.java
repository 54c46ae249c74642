package io.github.wandacuda.job.pack;

import static io.github.wandacuda.system.LittleEndian.LONG;

import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.calibration.StepCount;
import io.github.wandacuda.checkpoint.DirectIo;
import io.github.wandacuda.checkpoint.PackedConfig;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.PackedShard;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.checkpoint.TensorBytes;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonInput;
import io.github.wandacuda.job.output.CopyTask;
import io.github.wandacuda.job.output.OutputDirectory;
import io.github.wandacuda.job.output.ShardStaging;
import io.github.wandacuda.job.verify.OutputCheck;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.RowTiles;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.system.Counted;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.RealCause;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The direction of a packing: from weights with zeros to packed ones, or back. */
public enum Packing {
  PACK,
  UNPACK;

  /** Returns the name of the command that does it. */
  public String command() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Returns whether it is {@link #PACK}. */
  public boolean packs() {
    return this == PACK;
  }

  /**
   * Checks that a model can be packed, or unpacked.
   *
   * @throws io.github.wandacuda.error.InputException if it is packed already, or isn't packed
   */
  void require(ModelDirectory model) {
    if (packs()) {
      model.requireDirectory("pack");
      model.requireUnpacked("pack");
      if (model.checkpoint().find(PackedFormat.SOURCE_HEADER).isPresent()) {
        throw ErrorDetails.tensor(model.path(), PackedFormat.SOURCE_HEADER)
            .wrong("no tensor of this name, which the packed form needs", "one");
      }
    } else if (!model.isPacked()) {
      throw ErrorDetails.file(model.path())
          .hint("name a directory that pack or prune has packed")
          .wrong("a packed model, " + PackedFormat.FORMAT, "one that isn't packed");
    }
  }

  /**
   * Writes the output's {@code config.json}, which says whether the model is packed.
   *
   * @param model the source
   */
  public void writeConfig(ModelDirectory model, OutputDirectory output) {
    Path source = model.config().file();
    byte[] bytes = InputFile.bytes(source);
    byte[] config =
        packs() ? PackedConfig.packed(source, bytes) : PackedConfig.source(source, bytes);
    Path target = output.file(Path.of(SideFiles.CONFIG));
    AtomicWrite.replace(target, out -> out.write(config), FileModes.like(source));
  }

  /**
   * Plans shards. To pack, the values that weights keep are counted first, since a header says how
   * long each tensor is.
   *
   * @param modules the linear modules of the model
   * @param workers read the weights
   * @param progress counts the bytes that are read
   */
  List<ShardPlan> plan(
      List<LinearModule> modules,
      List<SafetensorsFile> shards,
      Workers workers,
      Progress progress) {
    return packs()
        ? counted(modules, shards, workers, progress)
        : shards.stream().map(shard -> new ShardPlan(shard, List.of(), shard)).toList();
  }

  /**
   * Writes shards side by side.
   *
   * @param output takes them
   * @param done called with the bytes of each tensor that is written
   */
  void write(List<ShardPlan> plans, ShardStaging output, Workers workers, LongConsumer done) {
    try (TileBuffers buffers = buffers(workers)) {
      plans.forEach(plan -> plan.modules().forEach(module -> module.reserve(buffers)));
      List<Job> jobs = new ArrayList<>();
      Map<SafetensorsFile, ShardWriter> writers = new LinkedHashMap<>();
      for (ShardPlan plan : plans) {
        ShardWriter writer = output.begin(plan.source(), plan.layout(), plan.source().path());
        writers.put(plan.source(), writer);
        addJobs(plan, writer, buffers, done, jobs);
      }
      workers.run(jobs);
      writers.forEach(output::complete);
    }
  }

  private static TileBuffers buffers(Workers workers) {
    TileBuffers buffers = TileBuffers.inCache(workers.count());
    buffers.reserve(buffers.tileBytes());
    return buffers;
  }

  private static List<ShardPlan> counted(
      List<LinearModule> modules,
      List<SafetensorsFile> shards,
      Workers workers,
      Progress progress) {
    Map<SafetensorsFile, List<ModulePlan>> counted = new LinkedHashMap<>();
    try (TileBuffers buffers = buffers(workers)) {
      shards.forEach(shard -> counted.put(shard, plans(modules, shard, buffers)));
      List<ModulePlan> plans = counted.values().stream().flatMap(List::stream).toList();
      StepCount steps = new StepCount("weight to count", plans.size(), progress);
      workers.run(
          plans.stream()
              .<Job>map(
                  plan -> new Counted(new Count(plan, buffers, PackedShard.packing()), steps::done))
              .toList());
    }
    return counted.entrySet().stream()
        .map(shard -> ShardPlan.of(shard.getKey(), shard.getValue()))
        .toList();
  }

  private static List<ModulePlan> plans(
      List<LinearModule> modules, SafetensorsFile shard, TileBuffers buffers) {
    List<ModulePlan> plans = new ArrayList<>();
    for (LinearModule module : modules) {
      if (module.shard().equals(shard) && canBePacked(module)) {
        ModulePlan plan = ModulePlan.of(shard, module.packed().orElseThrow(), buffers);
        plan.reserve(buffers);
        plans.add(plan);
      }
    }
    return plans;
  }

  private static boolean canBePacked(LinearModule module) {
    return module.packed().isPresent()
        && module.elements() > 0
        && PackedFormat.Names.of(module.tensor().name()).all().stream()
            .allMatch(name -> module.shard().tensor(name).isEmpty());
  }

  private void addJobs(
      ShardPlan plan, ShardWriter writer, TileBuffers buffers, LongConsumer done, List<Job> jobs) {
    SafetensorsFile layout = plan.layout();
    PhaseClock unused = new PhaseClock(buffers.workers());
    for (TensorInfo tensor : plan.source().tensors()) {
      long piece = tensor.pieceBytes(buffers.tileBytes());
      layout
          .tensor(tensor.name())
          .map(place -> new CopyTask(plan.source(), tensor, writer, place, piece, buffers, unused))
          .ifPresent(copy -> jobs.add(new Counted(copy, () -> done.accept(tensor.bytes()))));
    }
    for (ModulePlan module : plan.modules()) {
      Job task = new ModulePlan.PackTask(module, layout, writer, buffers, PackedShard.packing());
      long[] shape = module.elements().shape();
      MemorySegment bytes = MemorySegment.ofArray(new byte[shape.length * Long.BYTES]);
      MemorySegment.copy(shape, 0, bytes, LONG, 0, shape.length);
      writer.write(layout.tensor(module.names().shape()).orElseThrow(), 0, bytes);
      jobs.add(new Counted(task, () -> done.accept(module.weight().bytes())));
    }
    if (packs()) {
      writer.write(
          layout.tensor(PackedFormat.SOURCE_HEADER).orElseThrow(),
          0,
          MemorySegment.ofArray(plan.source().headerBytes()));
    }
  }

  /** A job that counts the elements that a weight keeps, tile by tile. */
  private record Count(ModulePlan module, TileBuffers buffers, RowPacking packing) implements Job {
    @Override
    public int tasks() {
      return module.tiles().count();
    }

    @Override
    public void run(int worker, int tile) {
      long rowBytes = module.rowBytes();
      MemorySegment rows = buffers.of(worker, module.tiles().rowsOf(tile) * rowBytes);
      module.shard().read(module.weight(), module.tiles().firstRow(tile) * rowBytes, rows);
      module.elements().turn(rows);
      long values = 0;
      for (long at = 0; at < rows.byteSize(); at += rowBytes) {
        values += packing.count(rows.asSlice(at, rowBytes), module.elements().bits());
      }
      module.counts().set(tile, values);
    }
  }

  /**
   * The shards of a pruned output, which are packed in place one after the other once all of them
   * are complete and checked. Each stays until its packed form is on the device and was compared
   * with it.
   *
   * @param model the source, whose modules the output has
   * @param output the unfinished output
   * @param workers do the work
   */
  public record PackedOutput(ModelDirectory model, OutputDirectory output, Workers workers) {
    /**
     * Packs all shards.
     *
     * @param verify whether each is compared with the one that it replaces
     */
    public void pack(boolean verify) {
      Packing.PACK.require(model);
      List<ShardPlan> plans = new ArrayList<>();
      for (SafetensorsFile source : model.checkpoint().shards()) {
        try (SafetensorsFile pruned = SafetensorsFile.open(place(source))) {
          Consumer<Path> check =
              verify
                  ? temporary -> OutputCheck.requireCopy(pruned, temporary, true, workers)
                  : temporary -> {};
          plans.addAll(replace(Packing.PACK, modules(source, pruned), pruned, check));
        }
      }
      ShardPlan.warnOfLarger(plans);
    }

    /**
     * Unpacks the shards that an interrupted run has packed already, so that the run goes on as if
     * it had packed none. A broken shard is left; the run will write it again.
     */
    public void unpack() {
      for (SafetensorsFile source : model.checkpoint().shards()) {
        Path place = place(source);
        if (Files.isRegularFile(place, LinkOption.NOFOLLOW_LINKS)) {
          unpack(place);
        }
      }
    }

    private void unpack(Path place) {
      try (SafetensorsFile stored = SafetensorsFile.open(place)) {
        if (PackedFormat.isPacked(stored.metadata())) {
          List<ShardPlan> unused =
              replace(Packing.UNPACK, List.of(), PackedShard.unpacked(stored), temporary -> {});
        }
      } catch (InputException broken) {
        RealCause.throwIfBehind(broken);
      }
    }

    private List<ShardPlan> replace(
        Packing direction,
        List<LinearModule> modules,
        SafetensorsFile shard,
        Consumer<Path> check) {
      List<ShardPlan> plans = direction.plan(modules, List.of(shard), workers, Progress.NONE);
      try (ShardStaging written = new ShardStaging(output, Optional.of(check), DirectIo.BUFFERED)) {
        direction.write(plans, written, workers, bytes -> {});
        written.finish();
      }
      return plans;
    }

    private Path place(SafetensorsFile source) {
      return output.path().resolve(source.path().getFileName());
    }

    /** Returns the modules of one of the model's shards as they are in the output's shard. */
    private List<LinearModule> modules(SafetensorsFile source, SafetensorsFile pruned) {
      return model.modules().stream()
          .filter(module -> module.shard().equals(source))
          .map(module -> module.in(pruned))
          .toList();
    }
  }

  /**
   * The layout of a packed shard. Its tensors are ordered by the size of their elements, the
   * largest first, so that each is aligned, and otherwise as in the source.
   *
   * @param source the shard to pack
   * @param modules the weights in it that may be packed
   * @param layout the packed shard's header
   */
  record ShardPlan(SafetensorsFile source, List<ModulePlan> modules, SafetensorsFile layout) {
    private static final Logger LOG = LoggerFactory.getLogger(Packing.class);
    private static final Pattern SIZE = Pattern.compile("\\D+(\\d+).*");

    /** Returns the bytes of a tensor's elements; 1 if they have fewer or the type isn't known. */
    private static int elementBytes(TensorInfo tensor) {
      Matcher size = SIZE.matcher(tensor.dtype());
      if (!size.matches() || size.group(1).length() > 2) {
        return 1;
      }
      return Math.clamp(Integer.parseInt(size.group(1)) / Byte.SIZE, 1, Long.BYTES);
    }

    /** Warns if packed shards take no less than the source's. */
    static void warnOfLarger(List<ShardPlan> packed) {
      long before = packed.stream().mapToLong(plan -> plan.source().byteSize()).sum();
      long after = packed.stream().mapToLong(plan -> plan.layout().byteSize()).sum();
      if (after >= before) {
        LOG.warn(
            "packed it takes {} bytes, not packed {}: it has too few zeros; take it as it was, or"
                + " prune it",
            after,
            before);
      }
    }

    /**
     * Plans a shard.
     *
     * @param counted the weights that may be packed, whose values are counted
     */
    static ShardPlan of(SafetensorsFile source, List<ModulePlan> counted) {
      List<ModulePlan> packed = counted.stream().filter(ModulePlan::pays).toList();
      Map<TensorInfo, ModulePlan> byTensor = new HashMap<>();
      packed.forEach(module -> byTensor.put(module.weight(), module));
      // Only their lengths are right yet, not their places.
      List<TensorInfo> parts = new ArrayList<>();
      for (TensorInfo tensor : source.tensors()) {
        ModulePlan module = byTensor.get(tensor);
        if (module == null) {
          parts.add(tensor);
        } else {
          addParts(module, parts);
        }
      }
      long header = source.dataOffset();
      parts.add(new TensorInfo(PackedFormat.SOURCE_HEADER, "U8", List.of(header), 0, header));
      parts.sort(Comparator.comparingInt(ShardPlan::elementBytes).reversed());
      return new ShardPlan(source, packed, layout(source, parts));
    }

    private static void addParts(ModulePlan module, List<TensorInfo> parts) {
      PackedFormat.Names names = module.names();
      TensorInfo weight = module.weight();
      long rows = weight.rows();
      long kept = module.kept();
      parts.add(new TensorInfo(names.rowOffsets(), "I64", List.of(rows), 0, rows * Long.BYTES));
      PackedFormat.Elements elements = module.elements();
      long sizes = elements.shape().length;
      parts.add(new TensorInfo(names.shape(), "I64", List.of(sizes), 0, sizes * Long.BYTES));
      long bytes = kept * elements.valueBytes();
      parts.add(new TensorInfo(names.compressed(), elements.dtype(), List.of(kept), 0, bytes));
      long maskRow = elements.maskRowBytes();
      parts.add(new TensorInfo(names.bitmask(), "U8", List.of(rows, maskRow), 0, rows * maskRow));
    }

    private static SafetensorsFile layout(SafetensorsFile source, List<TensorInfo> parts) {
      byte[] header =
          SafetensorsWriter.header(
              SafetensorsWriter.layout(parts),
              Map.of(PackedFormat.METADATA_KEY, PackedFormat.FORMAT));
      if (header.length - Long.BYTES > JsonInput.LONGEST) {
        throw ErrorDetails.part(source.path(), "header")
            .wrong(
                "one of at most %d bytes once it is packed".formatted(JsonInput.LONGEST),
                header.length);
      }
      return SafetensorsFile.of(source.path(), header, unused -> Unread.BYTES);
    }

    /** The bytes of a file that isn't written yet, which nobody reads. */
    private enum Unread implements TensorBytes {
      BYTES;

      @Override
      public void read(TensorInfo info, long offset, MemorySegment destination) {
        throw new IllegalStateException(info.name() + " is not written yet");
      }

      @Override
      public void close() {}
    }
  }

  /**
   * A weight that may be packed.
   *
   * @param shard its file
   * @param elements the type of its elements
   * @param tiles how it is cut
   * @param counts how many values each tile keeps
   */
  private record ModulePlan(
      SafetensorsFile shard,
      PackedFormat.Elements elements,
      RowTiles tiles,
      AtomicLongArray counts) {
    /**
     * A weight is packed if that saves at least one part in so many of its bytes. With elements of
     * 16 bits packing would save anything from 6.3 % zeros on; by this rule weights are packed from
     * 9.4 % on, and with elements of 32, 8 and 4 bits from 6.3, 15.6 and 28.1 %.
     */
    private static final int LEAST_SAVED = 32;

    /** Plans a weight of at least one element, whose values aren't counted yet. */
    static ModulePlan of(
        SafetensorsFile shard, PackedFormat.Elements elements, TileBuffers memory) {
      int rows = elements.weight().rows();
      RowTiles tiles =
          RowTiles.of(rows, elements.rowBytes(), true, memory.tileBytes(), memory.workers());
      return new ModulePlan(shard, elements, tiles, new AtomicLongArray(tiles.count()));
    }

    TensorInfo weight() {
      return elements.weight();
    }

    PackedFormat.Names names() {
      return PackedFormat.Names.of(weight().name());
    }

    long rowBytes() {
      return elements.rowBytes();
    }

    /** Enlarges buffers for a tile and its packed form. No worker may use them meanwhile. */
    void reserve(TileBuffers buffers) {
      long row = Long.BYTES + 2 * rowBytes() + elements.maskRowBytes();
      buffers.reserve(tiles.tileRows() * row + RowPacking.SLACK + 2 * Long.BYTES);
    }

    long keptBefore(int tile) {
      long kept = 0;
      for (int before = 0; before < tile; before++) {
        kept += counts.get(before);
      }
      return kept;
    }

    long kept() {
      return keptBefore(tiles.count());
    }

    boolean pays() {
      long bytes = weight().bytes();
      return bytes - elements.bytes(kept()) >= Math.ceilDiv(bytes, LEAST_SAVED);
    }

    /** A job that packs a weight into the output's shard, tile by tile. */
    record PackTask(
        ModulePlan module,
        SafetensorsFile layout,
        ShardWriter writer,
        TileBuffers buffers,
        RowPacking packing)
        implements Job {

      @Override
      public Object resource() {
        return writer;
      }

      @Override
      public int tasks() {
        return module.tiles().count();
      }

      @Override
      public void run(int worker, int tile) {
        int first = module.tiles().firstRow(tile);
        int count = module.tiles().rowsOf(tile);
        PackedFormat.Elements elements = module.elements();
        long rowBytes = module.rowBytes();
        int valueBytes = elements.valueBytes();
        long maskRowBytes = elements.maskRowBytes();
        SegmentAllocator memory = SegmentAllocator.slicingAllocator(buffers.of(worker));
        MemorySegment offsets = memory.allocate((long) count * Long.BYTES, Long.BYTES);
        MemorySegment rows = memory.allocate(count * rowBytes, Long.BYTES);
        MemorySegment kept = memory.allocate(count * rowBytes + RowPacking.SLACK, Long.BYTES);
        MemorySegment masks = memory.allocate(count * maskRowBytes);
        module.shard().read(module.weight(), first * rowBytes, rows);
        elements.turn(rows);
        long before = module.keptBefore(tile);
        long written = 0;
        for (int row = 0; row < count; row++) {
          offsets.set(LONG, (long) row * Long.BYTES, before + written);
          written +=
              packing.pack(
                  rows.asSlice(row * rowBytes, rowBytes),
                  elements.bits(),
                  masks.asSlice(row * maskRowBytes),
                  kept.asSlice(written * valueBytes));
        }
        requireSame(tile, written);
        PackedFormat.Names names = module.names();
        write(names.rowOffsets(), (long) first * Long.BYTES, offsets);
        write(names.bitmask(), first * maskRowBytes, masks);
        write(names.compressed(), before * valueBytes, kept.asSlice(0, written * valueBytes));
      }

      private void write(String tensor, long offset, MemorySegment bytes) {
        writer.write(layout.tensor(tensor).orElseThrow(), offset, bytes);
      }

      private void requireSame(int tile, long found) {
        long counted = module.counts().get(tile);
        if (found != counted) {
          throw ErrorDetails.tensor(module.shard().path(), module.weight().name())
              .wrong(
                  "%d values other than zero in a tile, as when they were counted"
                      .formatted(counted),
                  "%d: it is being changed".formatted(found));
        }
      }
    }
  }
}
