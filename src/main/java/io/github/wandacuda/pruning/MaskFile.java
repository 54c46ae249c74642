package io.github.wandacuda.pruning;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.Malformed;
import io.github.wandacuda.model.LinearModule;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collection;

/**
 * Files of masks. This program's own are safetensors files with a tensor {@code <module>.mask} for
 * each module, U8 [rows, ceil(columns / 8)], least significant bit first, 1 = kept, rows padded
 * with 0; their metadata say {@code format} = {@link #FORMAT} and, as {@code source_sha256}, which
 * model they were made for. Those of MaskLLM (NVlabs/MaskLLM) are NumPy's {@code .npz} archives
 * with an array {@code <parameter>.mask} for each weight: the bits of the flattened weight's mask,
 * most significant bit first. What a file is, is told by how it begins.
 */
public final class MaskFile {
  /** The value of the metadata's {@code format}. */
  public static final String FORMAT = "wanda-cuda.masks.v1";

  static final String SUFFIX = ".mask";
  static final String SOURCE = "source_sha256";
  private static final byte[] ZIP = {'P', 'K', 3, 4};
  private static final byte[] EMPTY_ZIP = {'P', 'K', 5, 6};

  private MaskFile() {}

  /**
   * Opens a file and checks it against a model: each of its masks must be a module's, and of the
   * module's shape.
   *
   * @param file the file
   * @param modules all linear modules of the model
   * @param sourceSha256 the digest of the model that the masks must have been made for, or null
   *     where any with the same modules will do; MaskLLM's files don't say it
   * @throws InputException if the file isn't there or isn't what it should be
   */
  public static ModuleMasks open(Path file, Collection<LinearModule> modules, String sourceSha256) {
    return isZip(file)
        ? NpzMasks.open(file, modules)
        : SafetensorsMasks.open(file, modules, sourceSha256);
  }

  /** Returns whether a file's metadata say that it holds masks which this program wrote. */
  public static boolean isOne(Path file) {
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      return FORMAT.equals(in.metadata().get("format"));
    } catch (InputException e) {
      return false;
    }
  }

  private static boolean isZip(Path file) {
    InputFile.require(file);
    try (InputStream in = InputFile.stream(file)) {
      byte[] start = in.readNBytes(ZIP.length);
      return Arrays.equals(start, ZIP) || Arrays.equals(start, EMPTY_ZIP);
    } catch (IOException e) {
      throw Malformed.unreadable(file, "a file of masks", e);
    }
  }
}
