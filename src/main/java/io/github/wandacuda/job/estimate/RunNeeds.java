package io.github.wandacuda.job.estimate;

import io.github.wandacuda.Sparsity;
import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Divergence;
import io.github.wandacuda.calibration.Gram;
import io.github.wandacuda.checkpoint.PackedFormat;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SideFiles;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.RunScope;
import io.github.wandacuda.model.BlockDescription;
import io.github.wandacuda.model.DecoderDescription;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.pruning.LayerPruner;
import io.github.wandacuda.pruning.recipe.Method;
import io.github.wandacuda.pruning.recipe.ModuleRules;
import io.github.wandacuda.pruning.recipe.PruningRules;
import io.github.wandacuda.pruning.tune.BlockTuner;
import io.github.wandacuda.scalar.RowPacking;
import io.github.wandacuda.system.SpaceCheck;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An estimate of the disk and memory that a run needs.
 *
 * @param readBytes bytes of weights that are read, as often as they are: to run samples, to find
 *     thresholds, to prune, to verify and to pack; but for what it takes to share a total out over
 *     blocks and to measure perplexity
 * @param writeBytes bytes that are written to the output's disk
 * @param packingBytes bytes on disk beside those, at the most, until the output is packed
 * @param maskBytes bytes on disk, until the run ends, for masks that wait to be digested
 * @param stateBytes bytes of all samples' hidden states; a calibrated run also keeps those of the
 *     last two blocks on disk until it ends
 * @param hostStateBytes bytes of those that lie in host memory: all of them, or those that a device
 *     has no room for
 * @param memoryBytes bytes of memory outside the Java heap: tiles, masks, hidden states in host
 *     memory, a decoder block and, where a method needs them, its second moments and a module in
 *     float32
 * @param savingBytes bytes of memory beside those from the time on when hidden states of a device
 *     are saved, which a short run doesn't do
 */
public record RunNeeds(
    long readBytes,
    long writeBytes,
    long packingBytes,
    long maskBytes,
    long stateBytes,
    long hostStateBytes,
    long memoryBytes,
    long savingBytes) {
  private static final Pattern BLOCK = Pattern.compile("(.*?\\.\\d+)\\..*");

  private static final Pattern OTHER_EXPERT = Pattern.compile("\\.experts\\.[1-9]");

  /** The ends of modules' names that read the same input as another module. */
  private static final List<String> SHARED = List.of(".k_proj", ".v_proj", ".up_proj", ".w3");

  /**
   * Copies of a block's weights in memory for each device: as read, and as much of the next block
   * as is read ahead or on its way to a GPU. One more is as pruned.
   */
  private static final int BLOCK_COPIES = 2;

  /**
   * Copies of a block in a process of a cluster: the block that samples come from, dense and
   * pruned, and the next one.
   */
  private static final int BLOCKS_OF_PROCESS = 3;

  /**
   * A token's activations in a process of a cluster, in multiples of the inputs and outputs of the
   * widest module.
   */
  private static final int WIDEST_OF_PROCESS = 4;

  /**
   * The bytes that any process of a cluster takes: buffers for tiles, code, threads and Spark
   * itself.
   */
  private static final long ANY_PROCESS = 512L << 20;

  /** A token's activations inside a block, in multiples of its hidden state, roughly. */
  private static final int ACTIVATION_ROWS = 16;

  /** Returns the bytes on disk that the run needs in addition to the output, until it ends. */
  public long temporaryBytes() {
    return packingBytes + maskBytes + 2 * stateBytes;
  }

  /**
   * Returns the needs of a run that writes a single file and saves no hidden states.
   *
   * @param bytes of the file
   */
  public RunNeeds toFile(long bytes) {
    return new RunNeeds(readBytes, bytes, 0, maskBytes, 0, hostStateBytes, memoryBytes, 0);
  }

  /** Returns whether hidden states lie on a device as far as they fit, not in host memory. */
  boolean onDevice() {
    return savingBytes > 0;
  }

  /**
   * Estimates a run's needs.
   *
   * @param sideFiles that go along with the shards
   * @param backend on which samples would run
   */
  public static RunNeeds of(RunScope scope, SideFiles sideFiles, Backend backend) {
    ModelDirectory model = scope.model();
    PruneRequest request = scope.request();
    List<LinearModule> chosen = scope.chosen();
    long weights = model.checkpoint().totalBytes();
    long masks = chosen.stream().mapToLong(LinearModule::maskBytes).sum();
    long states = stateBytes(model, request.calibration());
    StatesPlace place = StatesPlace.of(model, request, backend);
    long tensors = SourceReads.ofTensors(model);
    long read =
        new SourceReads(scope, place.devices, place.onDevice).bytes()
            + (request.verify() ? 2 * tensors : 0);
    long tiles = backend.concurrency() * backend.tileBytes();
    long memory = tiles + 2 * chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
    memory += largestLayer(request.rules(), chosen);
    if (request.calibration() instanceof Calibration.FromSamples samples) {
      memory +=
          (request.rules().needMoments() ? momentsBytes(chosen) : 0)
              + (request.rules().realign() ? states + 2 * momentsBytes(chosen) : 0)
              + tuningBytes(model, request.rules(), chosen, samples)
              + place.hostBytes
              + (BLOCK_COPIES * place.devices + 1)
                  * largestBlock(chosen, module -> module.tensor().bytes())
              + (place.onDevice ? 0 : activations(model, samples.samples()));
    }
    long saving = place.onDevice ? states : 0;
    long dense = outputBytes(model, sideFiles);
    if (!request.packed()) {
      return new RunNeeds(read, dense, 0, masks, states, place.hostBytes, memory, saving);
    }
    PackedSize packed = PackedSize.of(model.checkpoint().shards(), request.rules(), chosen);
    return new RunNeeds(
        read + packing(model) + (request.verify() ? tensors + packed.bytes() : 0),
        dense - weights + packed.bytes(),
        packed.mostBytes() - packed.bytes(),
        masks,
        states,
        place.hostBytes,
        memory,
        saving);
  }

  /**
   * Returns the bytes that a fit by gradients takes: states of two more sets of samples, or of four
   * in a mixture, and the weights of half a block, or of an expert, with what is known of each.
   */
  public static long tuningBytes(
      ModelDirectory model,
      PruningRules rules,
      List<LinearModule> chosen,
      Calibration.FromSamples samples) {
    if (!rules.tune()) {
      return 0;
    }
    DecoderDescription described = DecoderFamilies.of(model.config()).describe(model.config());
    int together = described.batchTokens();
    // A mixture's expert has a copy of its tokens' inputs and targets; a shared one, of all.
    boolean mixture =
        described.blocks().anyMatch(block -> block.mlp() instanceof BlockDescription.Experts);
    Map<String, List<LinearModule>> halves =
        chosen.stream()
            .filter(module -> rules.of(module).tune())
            .collect(
                Collectors.groupingBy(
                    module -> module.name().substring(0, module.name().lastIndexOf('.') + 1)));
    return (mixture ? 4 : 2) * stateBytes(model, samples)
        + halves.values().stream()
            .mapToLong(half -> BlockTuner.bytes(half, together, samples.sequenceLength()))
            .max()
            .orElse(0);
  }

  /** Returns the bytes that packing reads: modules twice, since their zeros are counted first. */
  private static long packing(ModelDirectory model) {
    long modules =
        model.modules().stream()
            .filter(LinearModule::isPlain)
            .mapToLong(module -> module.tensor().bytes())
            .sum();
    return SourceReads.ofTensors(model) + modules;
  }

  /**
   * The place of samples' hidden states.
   *
   * @param devices how many devices have a share of them
   * @param onDevice whether they lie there as far as they fit
   * @param hostBytes bytes of those in host memory
   */
  private record StatesPlace(int devices, boolean onDevice, long hostBytes) {
    public static StatesPlace of(ModelDirectory model, PruneRequest request, Backend backend) {
      if (!(request.calibration() instanceof Calibration.FromSamples samples)) {
        return new StatesPlace(0, false, 0);
      }
      List<Operations> devices = backend.forwards(request.rules().needMoments());
      long tokens = (long) samples.samples().size() * samples.sequenceLength();
      long share = Math.ceilDiv(tokens, devices.size());
      int hidden = DecoderFamilies.shape(model).hiddenSize();
      List<OptionalLong> bytes =
          devices.stream().map(device -> device.hostBytes(share, hidden)).toList();
      boolean onDevice = bytes.get(0).isPresent();
      long host = bytes.stream().mapToLong(some -> some.orElse(0)).sum();
      return new StatesPlace(
          devices.size(), onDevice, onDevice ? host : stateBytes(model, samples));
    }
  }

  static long outputBytes(ModelDirectory model, SideFiles sideFiles) {
    return model.checkpoint().totalBytes()
        + Stream.concat(sideFiles.files().stream(), sideFiles.lastFiles().stream())
            .mapToLong(file -> SpaceCheck.size(model.path().resolve(file)))
            .sum();
  }

  /** Returns the bytes of the samples' hidden states, 0 for a run without samples. */
  public static long stateBytes(ModelDirectory model, Calibration calibration) {
    return calibration instanceof Calibration.FromSamples samples
        ? stateBytes(model, samples.samples())
        : 0;
  }

  /**
   * Checks that there is memory for hidden states in a run that prunes nothing.
   *
   * @param more bytes of memory that are needed beside them
   * @throws io.github.wandacuda.error.UsageException if there isn't
   */
  public static void requireMemory(ModelDirectory model, List<int[]> samples, long more) {
    SpaceCheck.requireMemory(
        stateBytes(model, samples) + activations(model, samples) + more, SpaceCheck.FEWER_SAMPLES);
  }

  /**
   * Returns the bytes that it takes to compare another model's predictions with the dense one's:
   * its hidden states, and logits of both.
   */
  public static long judgingBytes(ModelDirectory dense, List<int[]> windows) {
    return stateBytes(dense, windows) + Divergence.bytes(DecoderFamilies.shape(dense).vocabulary());
  }

  public static long stateBytes(ModelDirectory model, List<int[]> samples) {
    long tokens = samples.stream().mapToLong(tokenIds -> tokenIds.length).sum();
    return tokens * DecoderFamilies.shape(model).hiddenSize() * Float.BYTES;
  }

  /**
   * Returns the bytes of the second moments of a block's inputs: of the running sums and of the
   * result.
   */
  public static long momentsBytes(List<LinearModule> modules) {
    List<LinearModule> first = modules.stream().filter(module -> !sharesInputs(module)).toList();
    return largestBlock(
        first, module -> Gram.elements(module.columns()) * (Double.BYTES + Float.BYTES));
  }

  /**
   * Returns the bytes of a block's inputs in float32. Of the experts only one counts, since a token
   * goes to few.
   */
  public static long inputBytes(List<LinearModule> modules, long tokens) {
    List<LinearModule> first =
        modules.stream()
            .filter(module -> !sharesInputs(module))
            .filter(module -> !OTHER_EXPERT.matcher(module.name()).find())
            .toList();
    return largestBlock(first, module -> tokens * module.columns() * Float.BYTES);
  }

  /**
   * Returns whether a module reads the same input as one before it in its block, judging by its
   * name.
   */
  static boolean sharesInputs(LinearModule module) {
    return SHARED.stream().anyMatch(module.name()::endsWith);
  }

  /**
   * Returns the bytes that a process of a cluster needs beside its heap, at least: two blocks and
   * one of them pruned, the activations of a batch, and buffers and code that any model needs.
   *
   * @param samples whether it runs samples, and so knows the model's family
   */
  public static long processBytes(ModelDirectory model, boolean samples) {
    long tokens = samples ? DecoderFamilies.batchTokens(model) : DecoderDescription.BATCH_TOKENS;
    List<LinearModule> modules = model.modules();
    long block = largestBlock(modules, module -> module.tensor().bytes());
    return BLOCKS_OF_PROCESS * block
        + tokens * widest(modules) * Float.BYTES * WIDEST_OF_PROCESS
        + ANY_PROCESS;
  }

  private static long widest(List<LinearModule> modules) {
    return modules.stream().mapToLong(m -> m.rows() + (long) m.columns()).max().orElse(1);
  }

  /** Returns the bytes of a batch's activations; of one sample, if that has more tokens. */
  public static long activations(ModelDirectory model, List<int[]> samples) {
    int longest = samples.stream().mapToInt(tokenIds -> tokenIds.length).max().orElse(0);
    return (long) Math.max(DecoderFamilies.batchTokens(model), longest)
        * DecoderFamilies.shape(model).hiddenSize()
        * Float.BYTES
        * ACTIVATION_ROWS;
  }

  /** Returns the bytes of the largest module that isn't pruned tile by tile but held as a whole. */
  private static long largestLayer(PruningRules rules, List<LinearModule> chosen) {
    return chosen.stream()
        .filter(module -> !rules.of(module).isByTiles())
        .mapToLong(module -> LayerPruner.bytes(rules.of(module), module.rows(), module.columns()))
        .max()
        .orElse(0);
  }

  public static long largestBlock(List<LinearModule> chosen, ToLongFunction<LinearModule> bytes) {
    return chosen.stream()
        .collect(
            Collectors.groupingBy(
                module -> BLOCK.matcher(module.name()).replaceFirst("$1"),
                Collectors.summingLong(bytes)))
        .values()
        .stream()
        .mapToLong(Long::longValue)
        .max()
        .orElse(0);
  }

  /**
   * The size of an output's shards if it is packed, by the share of weights that the rules prune.
   * Other zeros, and those of masks that are read, aren't known; such weights count as dense.
   *
   * @param bytes of all shards in the end
   * @param mostBytes of all shards at the same time: they are written dense and packed one by one,
   *     each beside the one that it replaces
   */
  private record PackedSize(long bytes, long mostBytes) {
    public static PackedSize of(
        List<SafetensorsFile> shards, PruningRules rules, List<LinearModule> chosen) {
      long now = shards.stream().mapToLong(SafetensorsFile::byteSize).sum();
      long most = now;
      for (SafetensorsFile shard : shards) {
        long saved =
            chosen.stream()
                .filter(module -> module.shard().equals(shard))
                .mapToLong(module -> saved(module, rules.of(module)))
                .sum();
        most = Math.max(most, now + shard.byteSize() - saved);
        now -= saved;
      }
      return new PackedSize(now, most);
    }

    private static long saved(LinearModule module, ModuleRules rules) {
      Optional<PackedFormat.Elements> packed = module.packed();
      if (rules.method() == Method.MASKS || packed.isEmpty()) {
        return 0;
      }
      long elements = module.elements();
      long zeros =
          switch (rules.sparsity()) {
            case Sparsity.Ratio ratio -> ratio.of(elements);
            case Sparsity.GroupPattern groups -> elements / groups.size() * groups.pruned();
          };
      long values = Math.ceilDiv(elements - zeros, RowPacking.perValue(packed.get().bits()));
      return Math.max(0, module.tensor().bytes() - packed.get().bytes(values));
    }
  }
}
