package io.github.wandacuda.job.record;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Digests of what a run reads: of a model without its weights, and of other files. */
public final class SourceDigest {
  private static final int SHOWN_DIGITS = 16;

  private SourceDigest() {}

  /**
   * Returns the SHA-256, in hexadecimal, over config.json and each shard's name, length and header.
   * It doesn't depend on the model's path, nor on whether the model is packed.
   */
  public static String of(ModelDirectory model) {
    return of(model.config().bytes(), model.checkpoint());
  }

  /**
   * Returns the same digest of a model that may not be written yet.
   *
   * @param config the bytes of its config.json
   */
  public static String of(byte[] config, Checkpoint checkpoint) {
    MessageDigest digest = Sha256.digest();
    digest.update(config);
    for (SafetensorsFile shard : checkpoint.shards()) {
      String place = "%s %d\n".formatted(shard.path().getFileName(), shard.byteSize());
      digest.update(place.getBytes(StandardCharsets.UTF_8));
      digest.update(shard.headerBytes());
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /**
   * Returns a description of config.json, the family's file and each shard, so that a message can
   * name the file that differs. It includes the time of the last change, since a run must not be
   * resumed with weights that have changed.
   *
   * @return by the files' names
   */
  public static Map<String, String> byFile(ModelDirectory model) {
    Map<String, String> files = new LinkedHashMap<>();
    files.put(ModelConfig.FILE_NAME, "sha256 " + shortened(model.config().bytes()));
    if (model.family() != null) {
      files.put("family", "sha256 " + shortened(InputFile.bytes(model.family())));
    }
    Checkpoint checkpoint = model.checkpoint();
    for (SafetensorsFile shard : checkpoint.shards()) {
      files.put(
          shard.fileName(),
          "%d bytes, header %s, changed %s"
              .formatted(shard.byteSize(), shortened(shard.headerBytes()), changed(shard.path())));
    }
    return files;
  }

  private static String shortened(byte[] bytes) {
    return HexFormat.of().formatHex(Sha256.digest().digest(bytes)).substring(0, SHOWN_DIGITS);
  }

  private static String changed(Path file) {
    return InputFile.reading(file, () -> Files.getLastModifiedTime(file).toString());
  }

  /**
   * Returns a SHA-256 in hexadecimal.
   *
   * @param what is expected in the files, for messages
   * @param files whose bytes are digested one after the other
   * @param more further text that distinguishes runs, digested after them
   */
  public static String ofFiles(String what, List<Path> files, String more) {
    MessageDigest digest = Sha256.digest();
    for (Path file : files) {
      add(digest, what, file);
    }
    digest.update(more.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest.digest());
  }

  private static void add(MessageDigest digest, String what, Path file) {
    try (InputStream in = InputFile.stream(file)) {
      new DigestInputStream(in, digest).transferTo(OutputStream.nullOutputStream());
    } catch (IOException e) {
      throw InputException.unreadable(file, what, e);
    }
  }
}
