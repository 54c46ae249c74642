package io.github.wandacuda.checkpoint;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.FileIdentity;
import io.github.wandacuda.system.OnFailure;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.LoggerFactory;

/**
 * The weights of a Hugging Face model directory: {@code model.safetensors}, or the shards that
 * {@code model.safetensors.index.json} names. Safe for use by several threads.
 *
 * @param directory the model directory as it was given
 * @param index the index that named the shards, or nothing if the model is a single file
 * @param shards in the order of their names
 */
public record Checkpoint(Path directory, Optional<Path> index, List<SafetensorsFile> shards)
    implements AutoCloseable {
  /** The file that holds the weights of a model that isn't sharded. */
  public static final String SINGLE = "model.safetensors";

  /** The file that says which shard holds which tensor. */
  public static final String INDEX = "model.safetensors.index.json";

  public Checkpoint {
    shards = List.copyOf(shards);
  }

  /**
   * A tensor and the shard that holds it.
   *
   * @param info the tensor's type, shape and place in the shard
   */
  public record Entry(SafetensorsFile shard, TensorInfo info) {}

  /**
   * Opens every shard of a model and checks that index and shards agree. If there are both a single
   * file and an index, the single file is used, with a warning, as transformers does.
   *
   * @param modelDirectory the folder with the shards; a shard that is a link must lead to where
   *     {@link FileIdentity#requireInside} allows
   * @return the shards held open, for the caller to close
   * @throws InputException if there are no weights, a file is damaged or missing, or index and
   *     shards contradict each other
   */
  public static Checkpoint open(Path modelDirectory) {
    return open(modelDirectory, UnaryOperator.identity());
  }

  /**
   * Opens a model as {@link #open(Path)} does, but each shard is replaced by another view of it, as
   * a packed one by what it stands for.
   *
   * @param reading returns what is read in the place of a shard; closing that closes the shard. If
   *     it throws, the shard is closed
   */
  public static Checkpoint open(Path modelDirectory, UnaryOperator<SafetensorsFile> reading) {
    if (!Files.isDirectory(modelDirectory)) {
      String found = Files.exists(modelDirectory) ? "a file" : "nothing";
      throw ErrorDetails.file(modelDirectory).wrong("a model directory", found);
    }
    Path single = modelDirectory.resolve(SINGLE);
    Path indexPath = modelDirectory.resolve(INDEX);
    boolean indexed = isThere(indexPath);
    if (isThere(single)) {
      if (indexed) {
        // Not a constant: setting up the first logger takes a short command 20 ms.
        LoggerFactory.getLogger(Checkpoint.class)
            .warn("{} is there, so {} is ignored", Printable.of(single), INDEX);
      }
      return open(modelDirectory, Optional.empty(), List.of(single), reading);
    }
    if (indexed) {
      FileIdentity.requireInside(modelDirectory, indexPath);
      CheckpointIndex index = CheckpointIndex.read(indexPath);
      List<Path> files = index.shards().stream().map(modelDirectory::resolve).toList();
      return open(modelDirectory, Optional.of(index), files, reading);
    }
    throw withoutWeights(modelDirectory);
  }

  /**
   * Returns the content of a {@code model.safetensors.index.json} for these shards, in UTF-8; the
   * same bytes for equal tensors in equal shards.
   */
  public byte[] indexBytes() {
    return CheckpointIndex.bytesOf(shards);
  }

  /**
   * Returns a checkpoint of shards that aren't written yet.
   *
   * @param directory where they will be
   * @param shards in the order of their names; if there are several, an index belongs to them
   */
  public static Checkpoint planned(Path directory, List<SafetensorsFile> shards) {
    Optional<Path> index =
        shards.size() > 1 ? Optional.of(directory.resolve(INDEX)) : Optional.empty();
    return new Checkpoint(directory, index, shards);
  }

  private static boolean isThere(Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  /** Names other weights that are there, since these are mostly what went wrong. */
  private static InputException withoutWeights(Path directory) {
    List<Path> files;
    try (Stream<Path> listed = Files.list(directory)) {
      files = listed.sorted(Comparator.comparing(Path::toString, TensorNames.ORDER)).toList();
    } catch (IOException e) {
      return InputException.unreadable(directory, "a model directory", e);
    }
    ErrorDetails details = ErrorDetails.file(directory);
    String expected = SINGLE + " or " + INDEX;
    List<Path> weights =
        files.stream().filter(file -> isShard(file) || SideFiles.areOtherWeights(file)).toList();
    if (weights.isEmpty()) {
      return details.hint("download or copy the weights here").wrong(expected, "neither");
    }
    boolean shards = weights.stream().anyMatch(Checkpoint::isShard);
    return details
        .hint(
            shards
                ? "copy or download the index too, or rename a single file to " + SINGLE
                : otherForm(weights))
        .wrong(
            expected,
            "neither, but %s (%s)"
                .formatted(
                    shards ? "weights without an index" : "weights in a form that is not read",
                    names(weights)));
  }

  private static String otherForm(List<Path> weights) {
    return weights.stream().allMatch(file -> file.toString().endsWith(".gguf"))
        ? "name the .gguf file itself, or the model's own folder of .safetensors files"
        : "let transformers save the model as safetensors: from_pretrained, then save_pretrained";
  }

  private static boolean isShard(Path file) {
    return file.toString().endsWith(".safetensors");
  }

  private static String names(List<Path> files) {
    String first =
        files.stream()
            .limit(3)
            .map(file -> Printable.of(file.getFileName()))
            .collect(Collectors.joining(", "));
    return files.size() > 3 ? "%s and %d more".formatted(first, files.size() - 3) : first;
  }

  private static Checkpoint open(
      Path directory,
      Optional<CheckpointIndex> index,
      List<Path> files,
      UnaryOperator<SafetensorsFile> reading) {
    List<SafetensorsFile> shards = new ArrayList<>();
    OnFailure.run(
        () -> shards.forEach(SafetensorsFile::close),
        () -> {
          SafetensorsHeader.Budget room = new SafetensorsHeader.Budget();
          for (Path file : files) {
            FileIdentity.requireInside(directory, file);
            SafetensorsFile stored =
                SafetensorsFile.open(file, room, "download it, or copy it here");
            shards.add(OnFailure.close(stored::close, () -> reading.apply(stored)));
          }
          index.ifPresent(known -> check(known, shards));
          // If the index names every tensor once, in the right shard, no tensor is in two shards.
          long tensors = shards.stream().mapToLong(shard -> shard.tensors().size()).sum();
          if (index.isEmpty() || index.get().tensors() != tensors) {
            requireUnique(shards);
          }
        });
    return new Checkpoint(directory, index.map(CheckpointIndex::path), shards);
  }

  private static void requireUnique(List<SafetensorsFile> shards) {
    Map<String, SafetensorsFile> shardOf = new HashMap<>();
    for (SafetensorsFile shard : shards.size() > 1 ? shards : List.<SafetensorsFile>of()) {
      for (TensorInfo info : shard.tensors()) {
        SafetensorsFile other = shardOf.put(info.name(), shard);
        if (other != null) {
          throw ErrorDetails.tensor(shard.path(), info.name())
              .wrong(
                  "a tensor of one shard",
                  "it in %s too".formatted(Printable.of(other.path().getFileName())));
        }
      }
    }
  }

  private static void check(CheckpointIndex known, List<SafetensorsFile> shards) {
    Map<String, SafetensorsFile> byName = new HashMap<>();
    shards.forEach(shard -> byName.put(shard.fileName(), shard));
    CheckpointIndex.visit(
        known.path(),
        (name, shard) -> {
          if (!byName.containsKey(shard) || byName.get(shard).tensor(name).isEmpty()) {
            throw ErrorDetails.tensor(known.path(), name)
                .wrong("it in " + Printable.of(shard), found(name, shards));
          }
        });
  }

  private static String found(String name, List<SafetensorsFile> shards) {
    return shards.stream()
        .filter(shard -> shard.tensor(name).isPresent())
        .map(shard -> "it in " + Printable.of(shard.path().getFileName()))
        .findFirst()
        .orElse("it in no shard");
  }

  /**
   * Returns a shard by its file name.
   *
   * @throws IllegalStateException if there is none of that name
   */
  public SafetensorsFile shard(String name) {
    return shards.stream()
        .filter(shard -> shard.fileName().equals(name))
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(name));
  }

  /**
   * Returns all tensors, shard by shard, in the order of their bytes. A tensor that holds a matrix
   * of each expert comes as its parts, see {@link SafetensorsFile#tensors}.
   */
  public Stream<Entry> tensors() {
    return shards.stream()
        .flatMap(shard -> shard.tensors().stream().map(info -> new Entry(shard, info)));
  }

  /**
   * Returns all tensors as the headers have them: one that holds a matrix of each expert comes
   * whole.
   */
  public Stream<Entry> stored() {
    return shards.stream()
        .flatMap(shard -> shard.stored().stream().map(info -> new Entry(shard, info)));
  }

  /**
   * Returns a tensor by its name, or nothing if no shard has it.
   *
   * @param name of a tensor that is stored, or of an expert's part of one
   */
  public Optional<Entry> find(String name) {
    for (SafetensorsFile shard : shards) {
      Optional<TensorInfo> info = shard.tensor(name);
      if (info.isPresent()) {
        return info.map(found -> new Entry(shard, found));
      }
    }
    return Optional.empty();
  }

  /** Returns the length of all shards together, headers included, in bytes. */
  public long totalBytes() {
    return shards.stream().mapToLong(SafetensorsFile::byteSize).sum();
  }

  /** Closes every shard. */
  @Override
  public void close() {
    shards.forEach(SafetensorsFile::close);
  }
}
