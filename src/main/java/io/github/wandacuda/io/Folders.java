package io.github.wandacuda.io;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.OutputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.RealCause.SystemError;
import java.io.File;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Makes folders, and forces the names in them to the device. */
public final class Folders {
  private Folders() {}

  /**
   * Forces the names in a folder to the device, so that a renamed file keeps its new name after a
   * power failure. Does nothing on Windows, which does it by itself, on a file system that can't,
   * and for a folder that may not be read. An interrupt doesn't stop it, since the last file of a
   * run may just have got its name; the thread remains interrupted.
   *
   * @throws OutputException if the device fails
   */
  public static void force(Path folder) {
    if (File.separatorChar == '\\') {
      return;
    }
    boolean interrupted = false;
    while (!isForced(folder)) {
      interrupted |= Thread.interrupted();
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Forces a folder once; returns false if an interrupt closed it meanwhile. */
  private static boolean isForced(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
      return true;
    } catch (ClosedByInterruptException e) {
      return false;
    } catch (AccessDeniedException unreadable) {
      return true;
    } catch (IOException e) {
      if (!isUnsupported(e)) {
        throw new OutputException(
            ErrorDetails.file(folder)
                .expected(
                    "to force its names to the device", "that this fails: " + Printable.reason(e)),
            e);
      }
      return true;
    }
  }

  private static boolean isUnsupported(IOException e) {
    return SystemError.INVALID_ARGUMENT.isSaidIn(e.getMessage())
        || SystemError.BAD_FILE_DESCRIPTOR.isSaidIn(e.getMessage());
  }

  /** Forces the names in a file's folder to the device, see {@link #force}. */
  public static void forceParent(Path file) {
    Path parent = file.toAbsolutePath().getParent();
    if (parent != null) {
      force(parent);
    }
  }

  /**
   * Makes a folder and its missing parents, and forces their names to the device. Does nothing if
   * it is there.
   *
   * @throws IOException if one can't be made
   * @throws OutputException if the device fails
   */
  public static void create(Path folder) throws IOException {
    if (Files.isDirectory(folder)) {
      return;
    }
    Path parent = folder.toAbsolutePath().getParent();
    if (parent != null) {
      create(parent);
    }
    Files.createDirectory(folder);
    forceParent(folder);
  }
}
