// Package inception is Inception-v3 as the Fréchet inception distance uses it: the network of 2015-12-05
// with 1008 classes, of TensorFlow, in the form that pytorch-fid has given it, and its 2048 features
// after the mean over the image. It reads pytorch-fid's weights and only evaluates.
//
// It differs from torchvision's Inception-v3 in its weights; in that the mean pooling of blocks does not
// count the padding; in that the last block pools by the largest number; and in that images are resized
// bilinearly to 299x299 (PyTorch's, without aligned corners or antialiasing) and scaled to [-1, 1].
//
// References: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016; Heusel et
// al., "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium", 2017; the
// repository github.com/mseitzer/pytorch-fid.
package inception
