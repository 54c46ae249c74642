package io.github.wandacuda.job.output;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibrate.SampleBatch;
import io.github.wandacuda.io.checkpoint.SideFiles;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.layerwise.Gram;
import io.github.wandacuda.model.LinearModule;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.prune.PruningRules;
import io.github.wandacuda.prune.layer.LayerPruner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.ToLongFunction;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An estimate of the disk and memory that a run needs.
 *
 * @param readBytes bytes of weights that are read: to prune, to find thresholds, to run samples, to
 *     verify and to pack
 * @param writeBytes bytes of the finished output
 * @param packingBytes bytes on disk beside those, at the most, until the output is packed
 * @param maskBytes bytes on disk, until the run ends, for masks that wait to be digested
 * @param stateBytes bytes of all samples' hidden states; a calibrated run also keeps those of the
 *     last two blocks on disk until it ends
 * @param memoryBytes bytes of memory outside the Java heap: tiles, masks, hidden states, a decoder
 *     block and, where a method needs them, its second moments and a module in float32
 */
public record RunNeeds(
    long readBytes,
    long writeBytes,
    long packingBytes,
    long maskBytes,
    long stateBytes,
    long memoryBytes) {
  private static final Pattern BLOCK = Pattern.compile("(.*?\\.\\d+)\\..*");

  /** Modules that read what others read. */
  private static final List<String> SHARED = List.of(".k_proj", ".v_proj", ".up_proj", ".w3");

  /**
   * Copies of a block's weights in memory: as read, pruned, and as the device has them. Each
   * further device reads its own.
   */
  private static final int BLOCK_COPIES = 3;

  /**
   * Of a process of a cluster: the block that samples come from, dense and pruned, and the next.
   */
  private static final int BLOCKS_OF_PROCESS = 3;

  /** A token's activations again, in multiples of the inputs and outputs of the widest module. */
  private static final int WIDEST_OF_PROCESS = 4;

  /** Buffers for tiles, code, threads, and what Spark itself takes. */
  private static final long ANY_PROCESS = 512L << 20;

  /** A token's activations inside a block, roughly, in multiples of its hidden state. */
  private static final int ACTIVATION_ROWS = 16;

  /** Returns the bytes on disk that the run needs in addition to the output, until it ends. */
  public long temporaryBytes() {
    return packingBytes + maskBytes + 2 * stateBytes;
  }

  public static RunNeeds of(
      ModelDirectory model,
      PruneRequest request,
      List<LinearModule> chosen,
      SideFiles sideFiles,
      Backend backend) {
    long weights = model.checkpoint().totalBytes();
    long pruned = chosen.stream().mapToLong(module -> module.tensor().bytes()).sum();
    boolean calibrated = request.calibration() instanceof Calibration.FromSamples;
    boolean threshold = request.rules().needThreshold(chosen);
    long read =
        weights
            + (threshold ? 2 * pruned : 0)
            + (calibrated ? pruned : 0)
            + (request.verify() ? 2 * weights : 0);
    long masks = chosen.stream().mapToLong(LinearModule::maskBytes).sum();
    long states = stateBytes(model, request.calibration());
    long tiles = backend.concurrency() * backend.tileBytes();
    long memory = tiles + largestMask(chosen) * 2;
    memory += largestLayer(request.rules(), chosen);
    if (calibrated && request.rules().needMoments()) {
      memory += momentsBytes(chosen);
    }
    if (calibrated) {
      memory +=
          states
              + (BLOCK_COPIES + backend.forwards(request.rules().needMoments()).size() - 1)
                  * largestBlock(chosen, module -> module.tensor().bytes())
              + activations(model);
    }
    long dense = outputBytes(model, sideFiles);
    if (!request.packed()) {
      return new RunNeeds(read, dense, 0, masks, states, memory);
    }
    PackedSize packed = PackedSize.of(model.checkpoint().shards(), request.rules(), chosen);
    return new RunNeeds(
        read + 2 * weights + (request.verify() ? weights + packed.bytes() : 0),
        dense - weights + packed.bytes(),
        packed.mostBytes() - packed.bytes(),
        masks,
        states,
        memory);
  }

  /** Returns the bytes of a copy of a model with its side files. */
  public static long outputBytes(ModelDirectory model, SideFiles sideFiles) {
    return model.checkpoint().totalBytes() + sizes(model.path(), sideFiles);
  }

  /** Returns the bytes of the samples' hidden states, 0 for a run without samples. */
  public static long stateBytes(ModelDirectory model, Calibration calibration) {
    if (!(calibration instanceof Calibration.FromSamples samples)) {
      return 0;
    }
    long tokens = (long) samples.samples().size() * samples.sequenceLength();
    return tokens * hiddenSize(model) * Float.BYTES;
  }

  /**
   * Checks that there is memory for the hidden states of a run that prunes nothing.
   *
   * @throws io.github.wandacuda.error.UsageException if there isn't
   */
  public static void requireMemory(ModelDirectory model, List<int[]> samples) {
    requireMemory(model, samples, 0);
  }

  /**
   * Does what {@link #requireMemory(ModelDirectory, List)} does, for a run that needs {@code more}
   * bytes.
   */
  public static void requireMemory(ModelDirectory model, List<int[]> samples, long more) {
    long tokens = samples.stream().mapToLong(tokenIds -> tokenIds.length).sum();
    SpaceCheck.requireMemory(tokens * hiddenSize(model) * Float.BYTES + activations(model) + more);
  }

  /**
   * Returns the bytes of the second moments of a block's inputs: the sums, and what they come to.
   */
  public static long momentsBytes(List<LinearModule> modules) {
    List<LinearModule> first = modules.stream().filter(module -> !sharesInputs(module)).toList();
    return largestBlock(
        first, module -> Gram.elements(module.columns()) * (Double.BYTES + Float.BYTES));
  }

  /** Returns whether a module reads what one before it in its block reads, by its name. */
  public static boolean sharesInputs(LinearModule module) {
    return SHARED.stream().anyMatch(module.name()::endsWith);
  }

  /**
   * Returns the bytes that a process of a cluster needs beside its heap, at least: two blocks and
   * one of them pruned, the activations of a batch, and buffers and code that any model needs.
   */
  public static long processBytes(ModelDirectory model) {
    List<LinearModule> modules = model.modules();
    long block = largestBlock(modules, module -> module.tensor().bytes());
    long widest =
        modules.stream()
            .mapToLong(module -> module.rows() + (long) module.columns())
            .max()
            .orElse(0);
    return BLOCKS_OF_PROCESS * block
        + SampleBatch.TOKENS * widest * Float.BYTES * WIDEST_OF_PROCESS
        + ANY_PROCESS;
  }

  private static long hiddenSize(ModelDirectory model) {
    return DecoderFamilies.of(model.config()).shape(model.config()).hiddenSize();
  }

  private static long activations(ModelDirectory model) {
    return SampleBatch.TOKENS * hiddenSize(model) * Float.BYTES * ACTIVATION_ROWS;
  }

  private static long largestMask(List<LinearModule> chosen) {
    return chosen.stream().mapToLong(LinearModule::maskBytes).max().orElse(0);
  }

  /** Returns the bytes that the largest module takes which isn't pruned tile by tile. */
  private static long largestLayer(PruningRules rules, List<LinearModule> chosen) {
    return chosen.stream()
        .filter(module -> !rules.of(module).isByTiles())
        .mapToLong(module -> LayerPruner.bytes(rules.of(module), module.rows(), module.columns()))
        .max()
        .orElse(0);
  }

  private static long largestBlock(List<LinearModule> chosen, ToLongFunction<LinearModule> bytes) {
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

  private static long sizes(Path directory, SideFiles sideFiles) {
    return Stream.concat(sideFiles.files().stream(), sideFiles.lastFiles().stream())
        .mapToLong(file -> size(directory.resolve(file)))
        .sum();
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      return 0; // The copy will fail and name the file.
    }
  }
}
