package io.github.wandacuda.system;

import io.github.wandacuda.launcher.trust.TrustedPaths;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.SecureDirectoryStream;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.UUID;

/**
 * A folder in which nobody else can put, change or exchange a file. It is opened once, and what was
 * opened is checked: files are then found in that, whatever its path has become. On a system
 * without Unix modes nothing is checked.
 */
public final class OwnFolder implements AutoCloseable {
  private static final Set<PosixFilePermission> OTHERS_WRITE =
      Set.of(PosixFilePermission.GROUP_WRITE, PosixFilePermission.OTHERS_WRITE);

  private final Path path;
  private final DirectoryStream<Path> opened;

  private OwnFolder(Path path, DirectoryStream<Path> opened) {
    this.path = path;
    this.opened = opened;
  }

  /**
   * Opens a folder.
   *
   * @throws IOException if there is none, or others could have a hand in it
   */
  public static OwnFolder open(Path path) throws IOException {
    OwnFolder folder = new OwnFolder(path, Files.newDirectoryStream(path));
    try {
      // Where nobody else can rename anything on the way, the path still leads to what was opened.
      String objection = TrustedPaths.ofThisProcess().evenBelowSticky().objection(path);
      if (objection == null && !folder.isAt(path)) {
        objection = "is another one by now";
      }
      if (objection != null) {
        throw new AccessDeniedException(path.toString(), null, objection);
      }
      return folder;
    } catch (IOException | RuntimeException e) {
      folder.close();
      throw e;
    }
  }

  private boolean isAt(Path place) throws IOException {
    if (!(opened instanceof SecureDirectoryStream<Path> secure)) {
      return true;
    }
    Object key =
        secure.getFileAttributeView(BasicFileAttributeView.class).readAttributes().fileKey();
    return key.equals(
        Files.readAttributes(place, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS)
            .fileKey());
  }

  /**
   * Reads a file.
   *
   * @throws IOException if there is none, it is a link, or others may write to it
   */
  public byte[] read(String name) throws IOException {
    Path file = Path.of(name);
    Set<OpenOption> options = Set.of(StandardOpenOption.READ, LinkOption.NOFOLLOW_LINKS);
    requireOwn(file);
    try (SeekableByteChannel channel = channel(file, options);
        InputStream in = Channels.newInputStream(channel)) {
      return in.readAllBytes();
    }
  }

  /**
   * In a folder in which nobody else can rename, a name stands for the same file until it's read.
   */
  private void requireOwn(Path file) throws IOException {
    if (!(opened instanceof SecureDirectoryStream<Path> secure)) {
      return;
    }
    PosixFileAttributes all =
        secure.getFileAttributeView(PosixFileAttributeView.class).readAttributes();
    PosixFileAttributes one =
        secure
            .getFileAttributeView(file, PosixFileAttributeView.class, LinkOption.NOFOLLOW_LINKS)
            .readAttributes();
    if (!one.isRegularFile()
        || !one.owner().equals(all.owner())
        || one.permissions().stream().anyMatch(OTHERS_WRITE::contains)) {
      throw new AccessDeniedException(
          path.resolve(file).toString(), null, "isn't the user's alone");
    }
  }

  /** Writes a file that only the user may read. Readers see all of it or nothing. */
  public void write(String name, byte[] content) throws IOException {
    Path unfinished = Path.of("." + UUID.randomUUID() + ".part");
    Set<OpenOption> options = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    try (SeekableByteChannel channel = channel(unfinished, options, attributes());
        OutputStream out = Channels.newOutputStream(channel)) {
      out.write(content);
    } catch (IOException | RuntimeException e) {
      delete(unfinished);
      throw e;
    }
    try {
      rename(unfinished, Path.of(name));
    } catch (IOException e) {
      delete(unfinished);
      throw e;
    }
  }

  private SeekableByteChannel channel(
      Path file, Set<OpenOption> options, FileAttribute<?>... attributes) throws IOException {
    return opened instanceof SecureDirectoryStream<Path> secure
        ? secure.newByteChannel(file, options, attributes)
        : Files.newByteChannel(path.resolve(file), options, attributes);
  }

  private FileAttribute<?>[] attributes() {
    return opened instanceof SecureDirectoryStream<Path>
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"))
        }
        : new FileAttribute<?>[0];
  }

  private void rename(Path from, Path to) throws IOException {
    if (opened instanceof SecureDirectoryStream<Path> secure) {
      secure.move(from, secure, to);
    } else {
      Files.move(path.resolve(from), path.resolve(to), StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private void delete(Path file) throws IOException {
    if (opened instanceof SecureDirectoryStream<Path> secure) {
      secure.deleteFile(file);
    } else {
      Files.deleteIfExists(path.resolve(file));
    }
  }

  @Override
  public void close() throws IOException {
    opened.close();
  }
}
