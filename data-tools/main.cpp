// omnigen-cache: images and captions -> HDF5 shards that omnigen-dist trains on.
int main() {
  return 0;
}
