package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.io.FileModes;
import io.github.wandacuda.io.Folders;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The files of a model directory that a pruned copy needs beside the weights, at any depth. Paths
 * are relative to the model directory and in code-point order.
 *
 * @param directory the model directory
 * @param files the files that are copied first
 * @param lastFiles the files that are copied last, in this order, because a directory without them
 *     is unfinished: the index, if the weights have one, and {@code config.json}
 * @param leftOut the files and folders that aren't copied: weights in other formats, weights that
 *     the checkpoint doesn't use, {@code .git} and {@code .cache}, links to nothing or to a folder
 *     above, and what is no regular file
 * @param card whether the copy has a {@link #CARD} of its own, so that the source's gets another
 *     name
 */
public record SideFiles(
    Path directory, List<Path> files, List<Path> lastFiles, List<Path> leftOut, boolean card) {
  private static final Logger LOG = LoggerFactory.getLogger(SideFiles.class);

  /** The file that describes the model. */
  public static final String CONFIG = "config.json";

  /**
   * The file that a run adds to its output. If the source has one, it is of an earlier run and
   * isn't copied.
   */
  public static final String MANIFEST = "wanda-cuda.json";

  /** The file by which the Hub shows a model. */
  public static final Path CARD = Path.of("README.md");

  /** Names of files with weights in formats that are not read. */
  private static final Pattern OTHER_WEIGHTS =
      Pattern.compile(
          "(?is)pytorch_model.*\\.bin(\\.index.*\\.json)?"
              + "|consolidated\\..*"
              + "|.*\\.(pt|pth|gguf|ggml|h5|msgpack|onnx|onnx_data|onnx\\.data|ot|tflite)"
              + "|.*\\.ckpt(\\..*|-.*)?"
              + "|(tf_model\\.h5|flax_model\\.msgpack)\\.index\\.json"
              + "|openvino_.*\\.(bin|xml)");

  private static final int PART = 1 << 16;

  public SideFiles {
    files = List.copyOf(files);
    lastFiles = List.copyOf(lastFiles);
    leftOut = List.copyOf(leftOut);
  }

  /**
   * Logs a warning for each file that isn't copied.
   *
   * @param why the reason, as it stands in the message
   */
  public void warnOfLeftOut(String why) {
    leftOut.forEach(file -> LOG.warn("{} is left out: {}", file, why));
  }

  /**
   * Returns a new set of all files of a copy, relative to its directory: those that are copied, and
   * the weights' shards.
   *
   * @param checkpoint the weights; of their paths only the file names count
   */
  public Set<Path> withShards(Checkpoint checkpoint) {
    Set<Path> all = new HashSet<>(lastFiles);
    files.forEach(file -> all.add(name(file)));
    if (card) {
      all.add(CARD);
    }
    checkpoint.shards().forEach(shard -> all.add(shard.path().getFileName()));
    return all;
  }

  /**
   * Returns the same files for a copy whose weights are other ones.
   *
   * @param weights the copy's; if they are in several shards, an index is among the last files
   */
  public SideFiles forWeightsOf(Checkpoint weights) {
    List<Path> last = new ArrayList<>();
    weights.index().ifPresent(index -> last.add(index.getFileName()));
    last.add(Path.of(CONFIG));
    return new SideFiles(directory, files, last, leftOut, card);
  }

  /**
   * Returns the same files for a copy that has a card of its own, or none.
   *
   * @param own whether it has
   */
  public SideFiles withCard(boolean own) {
    return new SideFiles(directory, files, lastFiles, leftOut, own);
  }

  /** Returns the name of the source's card in the copy: one that no other file or folder has. */
  public Path sourceCard() {
    Path name = CARD;
    for (int at = 1; card && isTaken(name); at++) {
      name = Path.of("README" + ".source".repeat(at) + ".md");
    }
    return name;
  }

  private boolean isTaken(Path name) {
    return files.stream().anyMatch(file -> file.startsWith(name));
  }

  /**
   * Returns the path of one of the files in the copy: the same, but for the source's card where the
   * copy has its own.
   */
  public Path name(Path file) {
    return file.equals(CARD) ? sourceCard() : file;
  }

  /**
   * Finds the side files of a model.
   *
   * @param output the directory of the copy; passed over if it is inside the model directory
   * @throws InputException if a folder can't be read or there are more than 100,000 files
   */
  public static SideFiles of(Checkpoint checkpoint, Path output) {
    Path directory = checkpoint.directory();
    SideFileVisitor visitor = new SideFileVisitor(checkpoint, output);
    visitor.walk();
    List<Path> files = sorted(visitor.files);
    List<Path> lastFiles = new ArrayList<>();
    for (String name : List.of(Checkpoint.INDEX, CONFIG)) {
      Path last = Path.of(name);
      if (files.remove(last)) {
        lastFiles.add(last);
      }
    }
    return new SideFiles(directory, files, lastFiles, sorted(visitor.leftOut), false);
  }

  /**
   * Returns whether a shard must not have a name: a run's own temporary files and JSON files
   * (configs, indexes, tokenizers, the run's record) would be lost by it.
   */
  static boolean isReserved(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.startsWith(AtomicWrite.OWN) || lower.endsWith(".json");
  }

  /**
   * Returns whether a file's name says that it holds weights in a format that isn't read, or an
   * index of such files.
   */
  static boolean areOtherWeights(Path file) {
    return OTHER_WEIGHTS.matcher(file.getFileName().toString()).matches();
  }

  /** Returns the paths in code-point order, in a list of their own. */
  static List<Path> sorted(List<Path> paths) {
    List<Path> sorted = new ArrayList<>(paths);
    sorted.sort(Comparator.comparing(Path::toString, TensorNames.ORDER));
    return sorted;
  }

  /**
   * Copies one of the files and makes the folders that it needs. The copy is written as {@link
   * AtomicWrite} does, with the modes that {@link FileModes} gives it.
   *
   * @param file its path relative to the model directory
   * @param output the directory of the copy, in which it has its {@link #name}
   * @throws InputException if it can't be read
   * @throws OutputException if it can't be written
   */
  public void copy(Path file, Path output) {
    Path source = directory.resolve(file);
    Path target = output.resolve(name(file));
    try (InputStream in = InputFile.stream(source)) {
      createParent(target);
      AtomicWrite.replace(target, out -> transfer(source, in, out), FileModes.like(source));
    } catch (IOException e) {
      throw InputException.unreadable(source, "a file that goes along with the model", e);
    }
  }

  private static void createParent(Path target) {
    Path parent = target.getParent();
    try {
      Folders.create(parent);
    } catch (IOException e) {
      throw OutputException.of(parent, "to make this folder", e);
    }
  }

  private static void transfer(Path source, InputStream in, OutputStream out) throws IOException {
    byte[] part;
    do {
      part = InputFile.reading(source, () -> in.readNBytes(PART));
      out.write(part);
    } while (part.length > 0);
  }
}
